"""Faults under load on a real Kafka: what is lost (nothing), what is repeated, and how long it takes to go on."""
