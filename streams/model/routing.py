"""Where records go: keys that keep an account's events on few partitions."""

from __future__ import annotations

import zlib
from functools import lru_cache

__all__ = ["BUCKETS", "record_key"]

BUCKETS = 8


@lru_cache(maxsize=65_536)
def record_key(account: str, conversation: str | None, buckets: int = BUCKETS) -> bytes:
    """The Kafka key of an event: `account#bucket`, with bucket = CRC-32(conversation) mod 8, or 0 without one.

    A conversation keeps its order, an account touches few partitions, and no account is one hot partition.

    >>> record_key("acme", None)
    b'acme#0'
    """
    bucket = zlib.crc32(conversation.encode()) % buckets if conversation else 0
    return f"{account}#{bucket}".encode()
