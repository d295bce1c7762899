"""Reads topics without a group, to their end or ever after, and writes single records: for tools, not the hot path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.errors import AccessDenied, BrokerUnavailable, DeliveryError
from streams.kafka.admin import EMBEDDED_CLUSTER, UNTIL_REACHED_MS
from streams.kafka.clients import kafka_python_arguments
from streams.kafka.reaching import denied, reach
from streams.model.record import Record
from streams.settings import KafkaSettings

__all__ = ["Placed", "Publisher", "Reader", "broker_answers", "record_of"]

POLL_MS = 250
ANSWER_MS = 10_000
STUCK_SECONDS = 20.0  # an end that was told and is not reached for so long will not be reached


class Placed(NamedTuple):
    """Where a record that was published lies."""

    partition: int
    offset: int


@contextmanager
def broker_answers(settings: KafkaSettings) -> Iterator[None]:
    """Turn errors of the library, which may carry what they were given, into ours."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise denied(error, settings, "read") or BrokerUnavailable(
            f"Kafka at {settings.bootstrap} does not answer ({type(error).__name__}): "
            "is it running, and is kafka.bootstrap right?"
        ) from None


class Reader:
    """Reads records of any topics. No group, so nothing is committed and nobody is disturbed.

    Raises `BrokerUnavailable` when Kafka does not answer, or when a topic stops short of its end, and `AccessDenied`
    for a topic that we may not see: it must not pass for an empty one.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._embedded: bool | None = None
        reach(settings)
        with broker_answers(settings):
            self._consumer: Any = KafkaConsumer(
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                bootstrap_timeout_ms=UNTIL_REACHED_MS,
                **kafka_python_arguments(settings),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def topics(self, pattern: str) -> list[str]:
        """The names of topics that match a regular expression as a whole, sorted."""
        with broker_answers(self._settings):
            return sorted(name for name in self._consumer.topics() if re.fullmatch(pattern, name))

    def bounds(self, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
        """First offset and end of every partition; topics that are not there are left out."""
        with broker_answers(self._settings):
            parts = self._parts(topics)
            if not parts:
                return {}
            starts = self._consumer.beginning_offsets(parts, timeout_ms=ANSWER_MS)
            ends = self._consumer.end_offsets(parts, timeout_ms=ANSWER_MS)
            if self._is_embedded():
                ends |= _fetched_ends(self._settings, {part: end for part, end in ends.items() if end > starts[part]})
        return {(part.topic, part.partition): (starts[part], ends[part]) for part in parts}

    def read(self, topics: Iterable[str], since: Mapping[tuple[str, int], int] | None = None) -> Iterator[Record]:
        """All records from the beginning to the ends that the topics have now, in order within each partition.

        `since` names offsets to begin at, for partitions that were read before.
        """
        with broker_answers(self._settings):
            ends = self._assign(topics, since=0, offsets=since)
        left = {part for part, (start, end) in ends.items() if end > start}
        moved = monotonic()
        while left:
            with broker_answers(self._settings):
                taken = self._consumer.poll(timeout_ms=POLL_MS, max_records=10_000)
                done = {part for part in left if self._consumer.position(part) >= ends[part][1]}
            for part, records in taken.items():
                yield from (record_of(record) for record in records if record.offset < ends[part][1])
            if taken or done:
                moved = monotonic()
            elif monotonic() - moved > STUCK_SECONDS:
                raise BrokerUnavailable(f"{_names(left)} could not be read to the end within {STUCK_SECONDS:.0f} s")
            left -= done

    def follow(self, topics: Iterable[str], since: int | None) -> Iterator[Record | None]:
        """Records as they come, for ever; None whenever nothing came for a moment.

        `since` is a time in ms from which records are shown; 0 is the beginning, None the end. Where the broker has
        no index of times (the embedded one), the topic is read from its beginning and older records are left out.
        """
        with broker_answers(self._settings):
            self._assign(topics, since)
        while True:
            with broker_answers(self._settings):
                taken = self._consumer.poll(timeout_ms=POLL_MS, max_records=1_000)
            for records in taken.values():
                yield from (record_of(record) for record in records if not since or record.timestamp >= since)
            yield None

    def _is_embedded(self) -> bool:
        if self._embedded is None:
            admin = KafkaAdminClient(**kafka_python_arguments(self._settings))
            try:
                self._embedded = admin.describe_cluster().get("cluster_id") == EMBEDDED_CLUSTER
            finally:
                admin.close()
        return self._embedded

    def _parts(self, topics: Iterable[str]) -> list[TopicPartition]:
        wanted = set(topics)
        there = self._consumer.topics() & wanted
        if hidden := _hidden(self._settings, wanted - there):
            raise AccessDenied(
                f"Kafka at {self._settings.bootstrap} does not let us see {', '.join(hidden)}: "
                "streams topics check --acls FILE, by an auditor, tells what is missing"
            )
        return [
            TopicPartition(topic, partition)
            for topic in sorted(there)
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def _assign(
        self, topics: Iterable[str], since: int | None, offsets: Mapping[tuple[str, int], int] | None = None
    ) -> dict[TopicPartition, tuple[int, int]]:
        bounds = {
            TopicPartition(*place): (max(start, (offsets or {}).get(place, start)), end)
            for place, (start, end) in self.bounds(topics).items()
        }
        self._consumer.assign(list(bounds))
        for part, offset in self._starts(bounds, since).items():
            self._consumer.seek(part, offset)
        return bounds

    def _starts(self, bounds: Mapping[TopicPartition, tuple[int, int]], since: int | None) -> dict[TopicPartition, int]:
        if since is None:
            return {part: end for part, (_, end) in bounds.items()}
        if since == 0 or not bounds:
            return {part: start for part, (start, _) in bounds.items()}
        found = self._consumer.offsets_for_times(dict.fromkeys(bounds, since), timeout_ms=ANSWER_MS)
        starts = {}
        for part, (start, end) in bounds.items():
            at = found.get(part)
            # A broker without an index of times answers with an offset outside the log, or with none at all.
            indexed = at is not None and start <= at.offset <= end
            starts[part] = at.offset if at is not None and indexed else start
        return starts


class Publisher:
    """Writes single records and waits until all in-sync replicas have each."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        reach(settings)
        with broker_answers(settings):
            self._producer: Any = KafkaProducer(
                acks="all", bootstrap_timeout_ms=UNTIL_REACHED_MS, **kafka_python_arguments(settings)
            )

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._producer.close(timeout=10)

    def publish(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> list[Placed]:
        """Write (key, value) pairs, None being a tombstone; where they lie, in order, or `DeliveryError`."""
        try:
            sent = [self._producer.send(topic, key=key, value=value) for key, value in records]
            told = [future.get(timeout=30) for future in sent]
        except (KafkaError, OSError, TimeoutError) as error:
            raise denied(error, self._settings, f"write to {topic}") or DeliveryError(
                f"{topic}: Kafka at {self._settings.bootstrap} did not take what was sent ({type(error).__name__})"
            ) from None
        return [Placed(one.partition, one.offset) for one in told]


def _hidden(settings: KafkaSettings, names: Iterable[str]) -> list[str]:
    """Those of some topics that seem not to be there which we are not allowed to see."""
    asked = sorted(names)
    if not asked:
        return []
    admin: Any = KafkaAdminClient(**kafka_python_arguments(settings))
    try:
        found = admin.describe_topics(asked)
    finally:
        admin.close()
    return [one["name"] for one in found if one["error_code"] == TopicAuthorizationFailedError.errno]


def _fetched_ends(settings: KafkaSettings, told: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The true ends of partitions on the embedded broker, which tells the first offset of the last batch, plus one.

    What it says of the end with every fetch is right, so the last batch is fetched.
    """
    consumer: Any = KafkaConsumer(enable_auto_commit=False, **kafka_python_arguments(settings))
    try:
        consumer.assign(list(told))
        for part, end in told.items():
            consumer.seek(part, end - 1)
        ends: dict[TopicPartition, int] = {}
        deadline = monotonic() + STUCK_SECONDS
        while len(ends) < len(told):
            if monotonic() > deadline:
                late = _names(told.keys() - ends.keys())
                raise BrokerUnavailable(f"the embedded broker did not tell the end of {late} in {STUCK_SECONDS:.0f} s")
            consumer.poll(timeout_ms=POLL_MS)
            ends = {part: end for part in told if (end := consumer.highwater(part)) is not None}
        return ends
    finally:
        consumer.close()


def record_of(record: Any) -> Record:
    """A record of the library's as ours."""
    return Record(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)


def _names(parts: Iterable[TopicPartition]) -> str:
    return ", ".join(sorted(f"{part.topic}/{part.partition}" for part in parts))
