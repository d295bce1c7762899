"""Bytes to model and back. The only importer of Avro and JSON libraries; nothing of theirs reaches a caller."""
