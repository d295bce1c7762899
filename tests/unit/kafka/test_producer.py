"""Delivery in waves: grouped by partition, in order, all acknowledged or none said to be; the guilty one is named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OutOfOrderSequenceNumber

from streams.errors import DeliveryError
from streams.kafka.producer import BATCH_BYTES, BatchProducer, Out, TooLarge, partition_of
from streams.settings import KafkaSettings

LIMIT = 2_000_000


class Batch:
    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.size = 0

    def append(self, timestamp: None, key: bytes, value: bytes) -> object | None:
        if self.values and self.size + len(value) > BATCH_BYTES:
            return None
        self.values.append(value)
        self.size += len(value)
        return self

    def close(self) -> None:
        """Nothing is appended any more."""


class Broker:
    """What `AIOKafkaProducer` does with batches: takes them, or refuses those that are too large or for one topic.

    With sequences nothing is taken in a partition behind a refusal.
    """

    def __init__(self, failing: str = "", limit: int = LIMIT, sequenced: bool = True) -> None:
        self.taken: list[tuple[str, int, list[bytes]]] = []
        self.started: list[bool] = []
        self.stopped = 0
        self._failing = failing
        self._limit = limit
        self._sequenced = sequenced
        self._broken: set[tuple[str, int]] = set()

    def another(self, sequenced: bool) -> Broker:
        """Another producer to the same broker."""
        made = Broker(self._failing, self._limit, sequenced)
        made.taken = self.taken
        self.started.append(sequenced)
        return made

    async def stop(self) -> None:
        self.stopped += 1

    def create_batch(self) -> Batch:
        return Batch()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    async def send_batch(self, batch: Batch, topic: str, partition: int) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if topic == self._failing:
            answer.set_exception(KafkaConnectionError())
        elif (topic, partition) in self._broken:
            answer.set_exception(OutOfOrderSequenceNumber())
        elif batch.size > self._limit:
            answer.set_exception(MessageSizeTooLargeError())
            if self._sequenced:
                self._broken.add((topic, partition))
        else:
            self.taken.append((topic, partition, batch.values))
            answer.set_result(None)
        return answer


def deliver(broker: Broker, *waves: list[Out]) -> set[int]:
    """Deliver some waves; what was too large of the last one."""
    producer: Any = BatchProducer(KafkaSettings(), timeout=5)
    producer._producer = broker

    async def started(idempotent: bool) -> Broker:
        await asyncio.sleep(0)
        return broker.another(idempotent)

    producer._started = started

    async def run() -> set[int]:
        large: set[int] = set()
        for wave in waves:
            try:
                await producer.deliver(wave)
                large = set()
            except TooLarge as error:
                large = set(error.indices)
        return large

    return asyncio.run(run())


def test_records_of_one_partition_stay_in_order() -> None:
    broker = Broker()
    deliver(broker, [Out("t", i % 2, b"k", b"%d" % i) for i in range(10)])
    assert broker.taken == [
        ("t", 0, [b"0", b"2", b"4", b"6", b"8"]),
        ("t", 1, [b"1", b"3", b"5", b"7", b"9"]),
    ]


def test_of_a_batch_that_is_refused_as_a_whole_only_the_records_that_are_too_large_by_themselves_are_named() -> None:
    broker = Broker(limit=10)
    wave = [Out("t", 0, b"k", value) for value in (b"small", b"far too large", b"short", b"tiny")]
    assert deliver(broker, wave) == {1}
    assert broker.taken == [("t", 0, [b"small"]), ("t", 0, [b"short"]), ("t", 0, [b"tiny"])]


def test_behind_a_refusal_all_else_is_delivered_in_order_and_the_next_wave_by_a_new_producer() -> None:
    broker = Broker(limit=700_000)
    wave = [
        Out("t", 0, b"k", bytes([i]) * size) for i, size in enumerate([500_000, 750_000, 300_000, 300_000, 200_000])
    ]
    assert deliver(Broker(limit=700_000), wave) == {1}
    assert deliver(broker, wave, [Out("t", 0, b"k", b"next")]) == set()
    assert [value[0] for _, _, values in broker.taken for value in values] == [0, 2, 3, 4, b"n"[0]]
    assert broker.started == [False, True], "one without sequences, then a new one with them"
    assert broker.stopped == 1


def test_refusals_in_many_partitions_share_one_producer_without_sequences() -> None:
    broker = Broker(limit=10)
    assert deliver(broker, [Out("t", i % 4, b"k", b"x" * (20 if i < 4 else 1)) for i in range(8)]) == {0, 1, 2, 3}
    assert broker.started == [False]


def test_a_broken_sequence_that_no_refusal_explains_fails_the_wave() -> None:
    broker = Broker()
    broker._broken.add(("t", 0))
    with pytest.raises(DeliveryError, match="OutOfOrderSequenceNumber"):
        deliver(broker, [Out("t", 0, b"k", b"1")])


def test_without_a_partition_the_key_decides_as_kafkas_own_clients_do() -> None:
    assert [partition_of(key, 100) for key in (b"21", b"foobar", b"a-little-bit-long-string")] == [
        # Java's Utils.murmur2 of these keys, made positive, modulo 100
        (-973932308 & 0x7FFFFFFF) % 100,
        (-790332482 & 0x7FFFFFFF) % 100,
        (-985981536 & 0x7FFFFFFF) % 100,
    ]
    broker = Broker()
    deliver(broker, [Out("t", None, b"acme", b"x")])
    assert broker.taken == [("t", partition_of(b"acme", 4), [b"x"])]


def test_a_wave_larger_than_a_batch_goes_in_several() -> None:
    broker = Broker()
    deliver(broker, [Out("t", 0, b"k", bytes(300_000)) for _ in range(7)])
    sizes = [len(values) for _, _, values in broker.taken]
    assert sum(sizes) == 7
    assert all(sum(map(len, values)) <= BATCH_BYTES for _, _, values in broker.taken)
    assert len(broker.taken) > 1


def test_one_too_large_is_named_alone_and_the_rest_is_delivered() -> None:
    broker = Broker()
    items = [Out("t", 0, b"k", b"small"), Out("t", 0, b"k", bytes(LIMIT + 1)), Out("t", 0, b"k", b"after")]
    assert deliver(broker, items) == {1}
    assert [values for _, _, values in broker.taken] == [[b"small"], [b"after"]]


def test_a_failure_in_one_partition_fails_the_wave_and_names_the_topic() -> None:
    with pytest.raises(DeliveryError, match="delivery to bad"):
        deliver(Broker(failing="bad"), [Out("good", 0, b"k", b"1"), Out("bad", 0, b"k", b"2")])


def test_nothing_to_deliver_asks_nobody() -> None:
    broker = Broker()
    deliver(broker, [])
    assert broker.taken == []


def test_a_record_shows_its_size_and_never_its_value() -> None:
    assert repr(Out("t", 1, b"k", b"secret words")) == "<Out t[1] 12 bytes>"
