"""Usage policy and data retention for language models, as a running Kafka pipeline.

Start at `streams.pipeline.process`, the whole flow on two screens. Applications import `streams.client` only.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
