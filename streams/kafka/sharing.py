"""Reads a topic in a group that shares its partitions, from some time ago whenever a partition comes to this reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerUnavailable, ComplianceError
from streams.kafka.clients import aiokafka_arguments
from streams.kafka.reaching import denied
from streams.settings import KafkaSettings

__all__ = ["SharedReader"]

POLL_MS = 500
MOST_RECORDS = 5_000


class SharedReader:
    """Values of one topic, each partition read by one member of the group. An asynchronous context manager.

    For readers whose memory is their state: `start_ms` tells the time from which a partition is read when it is
    assigned, wherever the group's commit stands; None is its beginning. The commit only shows how far the group is.
    Raises `BrokerUnavailable`.
    """

    def __init__(self, settings: KafkaSettings, topic: str, group: str, start_ms: Callable[[], int] | None) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._start_ms = start_ms
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **aiokafka_arguments(self._settings),
        )
        self._consumer.subscribe([self._topic], listener=_Rewind(self._consumer, self._start_ms))
        try:
            await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._consumer.stop()
            raise self._gone(error) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def take(self) -> list[bytes | None]:
        """What came since; waits half a second at most."""
        try:
            taken = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_RECORDS)
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._gone(error) from None
        return [record.value for records in taken.values() for record in records]

    async def commit(self) -> None:
        """Show the group to be as far as what was taken."""
        try:
            await self._consumer.commit()
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._gone(error) from None

    def _gone(self, error: BaseException) -> ComplianceError:
        return denied(error, self._settings, f"read {self._topic} in group {self._group}") or BrokerUnavailable(
            f"Kafka at {self._settings.bootstrap}: {self._topic} could not be read ({type(error).__name__})"
        )


class _Rewind(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Begins each partition that is assigned at a time, or at its beginning where there is none."""

    def __init__(self, consumer: Any, start_ms: Callable[[], int] | None) -> None:
        self._consumer = consumer
        self._start_ms = start_ms

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to do: nothing is held back that would have to be finished."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Seek before the first record is taken."""
        parts = list(assigned)
        if not parts:
            return
        if self._start_ms is None:
            await self._consumer.seek_to_beginning(*parts)
            return
        # The ends first: where nothing is so young, what is appended meanwhile is still read.
        ends = await self._consumer.end_offsets(parts)
        found = await self._consumer.offsets_for_times(dict.fromkeys(parts, self._start_ms()))
        for part in parts:
            first = found.get(part)
            self._consumer.seek(part, ends[part] if first is None else first.offset)
