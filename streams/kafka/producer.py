"""Delivery in waves: records grouped by partition into batches of our own filling, all acknowledged before it is done.

`create_batch` and `send_batch` cost a tenth of `send` for each record. A record too large to travel with others goes in
a batch of its own, and the records of a batch that is refused are sent again one by one: so that a refusal names the
guilty one, and no other.

A refusal breaks the sequence by which the broker knows repeats: it takes nothing more from this producer in that
partition. So what was refused, and what came behind it, goes by a producer without sequences, and the next wave by a
new one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RecordListTooLargeError,
    UnknownError,
)
from aiokafka.partitioner import murmur2

from streams.errors import BrokerUnavailable, ComplianceError, DeliveryError
from streams.kafka.clients import aiokafka_arguments
from streams.kafka.reaching import denied
from streams.settings import KafkaSettings

__all__ = ["BatchProducer", "Out", "TooLarge", "partition_of"]

log = logging.getLogger(__name__)
BATCH_BYTES = 900_000  # below the default limit of a topic, 1,048,588
LARGEST_REQUEST = 64 * 1024 * 1024


class Out(NamedTuple):
    """One record to deliver. Without a partition, the key decides (murmur2, as Kafka's own clients)."""

    topic: str
    partition: int | None
    key: bytes
    value: bytes

    def __repr__(self) -> str:
        return f"<Out {self.topic}[{self.partition}] {len(self.value)} bytes>"


class TooLarge(ComplianceError):
    """Records that no retry will get through: their positions in what was to be delivered. All others are delivered."""

    def __init__(self, indices: frozenset[int]) -> None:
        super().__init__(f"{len(indices)} records are larger than their topics take")
        self.indices = indices


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


class _Filled(NamedTuple):
    batch: Any
    indices: list[int]


class _Left(NamedTuple):
    """A batch that was not taken: it was refused as too large, or came behind one that was."""

    filled: _Filled
    refused: bool


class BatchProducer:
    """Delivers waves with acks=all, one at a time; idempotently, but for what a refusal left behind.

    An asynchronous context manager, for one event loop.
    """

    def __init__(self, settings: KafkaSettings, timeout: float = 30.0) -> None:
        self._settings = settings
        self._timeout = timeout
        self._producer: Any = None
        self._plain: Any = None  # without sequences; made when it is needed
        self._making = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._idempotent = True
        self._broken = False  # a sequence is
        self._partitions: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        try:
            self._producer = await self._started(idempotent=True)
        except UnknownError:
            # The embedded broker gives out no producer ids. Without them a lost answer may repeat a record, which its
            # id makes recognisable: at least once holds all the same.
            log.warning("this broker knows no idempotent producers: an answer that is lost repeats records")
            self._idempotent = False
            self._producer = await self._started(idempotent=False)
        return self

    async def _started(self, idempotent: bool) -> Any:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=idempotent,
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_REQUEST,
            linger_ms=0,
            request_timeout_ms=int(self._timeout * 1000),
            **aiokafka_arguments(self._settings),
        )
        try:
            async with asyncio.timeout(self._timeout):
                await producer.start()
        except UnknownError:
            await producer.stop()
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            await producer.stop()
            raise self._gone(error) from None
        return producer

    async def _renew(self) -> None:
        """Go on with a new producer, whose sequences are whole."""
        try:
            made = await self._started(idempotent=True)
        except UnknownError as error:
            raise self._gone(error) from None
        old, self._producer = self._producer, made
        self._broken = False
        await self._stop(old)

    async def _stop(self, producer: Any) -> None:
        """What is still under way was not acknowledged to anybody: do not wait for it longer than for a wave."""
        try:
            await asyncio.wait_for(producer.stop(), self._timeout)
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._gone(error) from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for producer in (self._producer, self._plain):
            try:
                if producer is not None:
                    await self._stop(producer)
            except ComplianceError:
                if error is None:
                    raise

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has, as last learnt."""
        known = self._partitions.get(topic)
        if known is None:
            try:
                known = self._partitions[topic] = len(await self._producer.partitions_for(topic))
            except (KafkaError, OSError) as error:
                raise self._gone(error) from None
        return known

    async def deliver(self, items: Sequence[Out]) -> None:
        """Return once all in-sync replicas have all records.

        `TooLarge` names those that never will be taken, once all others are delivered; `DeliveryError` that nobody
        knows what was delivered: deliver all again, or stop.
        """
        async with self._turn:
            if self._broken:
                await self._renew()
            await self._deliver(items)

    async def _deliver(self, items: Sequence[Out]) -> None:
        grouped: dict[tuple[str, int], list[int]] = {}
        last_topic, last_partition, line = "", -1, list[int]()
        for index, item in enumerate(items):
            topic, partition = item.topic, item.partition
            if partition is None:
                partition = partition_of(item.key, await self.partitions(topic))
            if partition != last_partition or topic != last_topic:  # most follow one of their own kind
                last_topic, last_partition = topic, partition
                line = grouped.setdefault((topic, partition), [])
            line.append(index)
        lines = [self._send_line(place, self._fill(items, indices), items) for place, indices in grouped.items()]
        results = await asyncio.gather(*lines, return_exceptions=True)
        large: set[int] = set()
        for result in results:
            if isinstance(result, BaseException):
                raise result if isinstance(result, ComplianceError | asyncio.CancelledError) else self._failed(result)
            large |= result
        if large:
            raise TooLarge(frozenset(large))

    def _fill(self, items: Sequence[Out], indices: list[int]) -> list[_Filled]:
        filled: list[_Filled] = []
        current: _Filled | None = None
        for index in indices:
            item = items[index]
            key, value = item.key, item.value
            alone = len(value) + len(key) > BATCH_BYTES // 2
            if current is None or alone or current.batch.append(timestamp=None, key=key, value=value) is None:
                current = _Filled(self._producer.create_batch(), [])
                current.batch.append(timestamp=None, key=key, value=value)
                filled.append(current)
            current.indices.append(index)
            if alone:
                current = None
        return filled

    async def _send_line(self, place: tuple[str, int], line: list[_Filled], items: Sequence[Out]) -> set[int]:
        """Send the batches of one partition; the positions of those that are too large."""
        large: set[int] = set()
        for left in await self._left(self._producer, place, line):
            async with self._making:  # lines of several partitions may come to this at once
                self._plain = self._plain or await self._started(idempotent=False)
            refused = [left.filled]
            if not left.refused:
                again = self._fill(items, left.filled.indices)
                refused = [one.filled for one in await self._left(self._plain, place, again)]
            for filled in refused:
                if len(filled.indices) == 1:
                    large.update(filled.indices)
                    continue
                alone = [self._fill(items, [index])[0] for index in filled.indices]
                for one in await self._left(self._plain, place, alone):
                    large.update(one.filled.indices)
        return large

    async def _left(self, producer: Any, place: tuple[str, int], line: list[_Filled]) -> list[_Left]:
        """Send the batches of one partition; those that were not taken, in order, the first of them refused."""
        topic, partition = place
        left: list[_Left] = []
        waiting = []
        for filled in line:
            filled.batch.close()
            try:
                async with asyncio.timeout(self._timeout):
                    waiting.append((filled, await producer.send_batch(filled.batch, topic, partition=partition)))
            except (KafkaError, OSError, TimeoutError, AssertionError) as error:
                raise self._failed(error, topic) from None
        for filled, future in waiting:
            try:
                async with asyncio.timeout(self._timeout):
                    await future
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                self._broken = self._broken or (self._idempotent and producer is self._producer)
                left.append(_Left(filled, refused=True))
            except (KafkaError, OSError, TimeoutError) as error:
                if not (left and isinstance(error, OutOfOrderSequenceNumber)):
                    raise self._failed(error, topic) from None
                left.append(_Left(filled, refused=False))
        return left

    def _failed(self, error: BaseException, topic: str = "") -> ComplianceError:
        where = f" to {topic}" if topic else ""
        return denied(error, self._settings, f"write{where}") or DeliveryError(
            f"delivery{where} at {self._settings.bootstrap} failed: {type(error).__name__}. Nothing of this batch is "
            "committed; it is done again once the broker takes it"
        )

    def _gone(self, error: BaseException) -> ComplianceError:
        return denied(error, self._settings, "write") or BrokerUnavailable(
            f"Kafka at {self._settings.bootstrap} does not answer ({type(error).__name__}): is it running, and is "
            "kafka.bootstrap right?"
        )
