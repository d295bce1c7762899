"""The one table of topics: from it they are created, and against it they are checked.

Kafka deletes a segment when its newest record is older than `retention.ms`, and looks at most every few minutes. So a
record lives up to retention + segment.ms + 7 minutes + the future skew that a timestamp may have; each row keeps that
sum within what is promised. It is the second lock: the first is the end of the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from streams.model.taxonomy import AREAS

if TYPE_CHECKING:
    from streams.settings import TopicSettings

__all__ = ["TOPICS", "Cleanup", "Topic", "all_names", "topic", "topic_name"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIB = 1_048_576
FOREVER = -1
_SKEW = HOUR  # how far in the future a producer's timestamp may lie


class Cleanup(StrEnum):
    """How old records go."""

    DELETE = "delete"
    COMPACT = "compact"


class Topic(NamedTuple):
    """One topic. Times in ms; `single` topics have one partition, so that their order is total.

    `promised` is the longest that a record may live, all delays of the broker included (None: for ever).
    """

    name: str
    cleanup: Cleanup = Cleanup.DELETE
    retention: int = FOREVER
    segment: int = HOUR
    promised: int | None = None
    append_time: bool = False
    max_bytes: int = MIB
    single: bool = False

    def partitions(self, settings: TopicSettings) -> int:
        """How many partitions it has."""
        return 1 if self.single else settings.partitions

    def configs(self, settings: TopicSettings) -> dict[str, str]:
        """Its settings, as Kafka names them."""
        found = {
            "cleanup.policy": self.cleanup.value,
            "retention.ms": str(self.retention),
            "retention.bytes": "-1",
            "segment.ms": str(self.segment),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
            "max.message.bytes": str(self.max_bytes),
            "min.insync.replicas": str(settings.min_insync),
            "unclean.leader.election.enable": "false",
        }
        if not self.append_time:
            found["message.timestamp.after.max.ms"] = str(_SKEW)
        if self.cleanup is Cleanup.COMPACT:
            found |= {"max.compaction.lag.ms": str(DAY), "delete.retention.ms": str(DAY)}
        return found


def _source(name: str, promised: int, max_bytes: int = 12 * MIB) -> Topic:
    # A small segment: DeleteRecords frees bytes only when a whole segment that is not being written lies below.
    segment = 10 * MINUTE
    return Topic(
        name, retention=promised - HOUR, segment=segment, promised=promised, append_time=True, max_bytes=max_bytes
    )


def _month(name: str, max_bytes: int = MIB) -> Topic:
    return Topic(name, retention=28 * DAY, segment=6 * HOUR, promised=30 * DAY, max_bytes=max_bytes)


TOPICS: tuple[Topic, ...] = (
    _source("intake", 72 * HOUR),
    _source("intake.plain", 24 * HOUR),
    _source("signals", 72 * HOUR, max_bytes=MIB),
    _month("tagged", max_bytes=16 * MIB),
    *(_month(f"violations.{area.value}") for area in AREAS),
    _month("shadow"),
    Topic("counts", retention=44 * HOUR, segment=HOUR, promised=48 * HOUR),
    Topic("ledger", retention=399 * DAY, segment=12 * HOUR, promised=400 * DAY),
    Topic("receipts", retention=29 * DAY, segment=6 * HOUR, promised=30 * DAY, max_bytes=4 * MIB),
    Topic("dead-letter", retention=6 * DAY, segment=6 * HOUR, promised=7 * DAY),
    Topic("skips", retention=29 * DAY, segment=6 * HOUR, promised=30 * DAY, single=True),
    Topic("accounts", cleanup=Cleanup.COMPACT, single=True),
    Topic("keys", cleanup=Cleanup.COMPACT, single=True),
)
_BY_NAME: Mapping[str, Topic] = {one.name: one for one in TOPICS}


def topic(name: str) -> Topic:
    """The row of a topic by its short name."""
    return _BY_NAME[name]


def topic_name(settings: TopicSettings, name: str) -> str:
    """The full name of a topic.

    >>> from streams.settings import TopicSettings
    >>> topic_name(TopicSettings(), "violations.malware")
    'compliance.violations.malware'
    """
    return f"{settings.prefix}{name}"


def all_names(settings: TopicSettings) -> list[str]:
    """The full names of all topics, in the order of the table."""
    return [topic_name(settings, one.name) for one in TOPICS]
