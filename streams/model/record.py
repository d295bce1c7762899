"""A record of Kafka's, as the core's edge takes it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Record"]


class Record(NamedTuple):
    """Kafka's envelope: topic, partition, offset, timestamp (ms), key, bytes. Its repr shows a size, never bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        size = "none" if self.value is None else f"{len(self.value)} bytes"
        return f"<Record {self.topic}[{self.partition}]@{self.offset} {size}>"
