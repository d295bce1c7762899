"""The worker: the core's edge. It takes batches from Kafka, and ends every offset with a receipt."""
