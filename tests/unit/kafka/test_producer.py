"""Delivery in waves: grouped by partition, in order, all acknowledged or none said to be; the guilty one is named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

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
    """What `AIOKafkaProducer` does with batches: takes them, or refuses those that are too large or for one topic."""

    def __init__(self, failing: str = "", limit: int = LIMIT) -> None:
        self.taken: list[tuple[str, int, list[bytes]]] = []
        self._failing = failing
        self._limit = limit

    def create_batch(self) -> Batch:
        return Batch()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    async def send_batch(self, batch: Batch, topic: str, partition: int) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if topic == self._failing:
            answer.set_exception(KafkaConnectionError())
        elif batch.size > self._limit:
            answer.set_exception(MessageSizeTooLargeError())
        else:
            self.taken.append((topic, partition, batch.values))
            answer.set_result(None)
        return answer


def deliver(broker: Broker, items: list[Out]) -> None:
    producer = BatchProducer(KafkaSettings(), timeout=5)
    client: Any = broker
    producer._producer = client
    asyncio.run(producer.deliver(items))


def test_records_of_one_partition_stay_in_order() -> None:
    broker = Broker()
    deliver(broker, [Out("t", i % 2, b"k", b"%d" % i) for i in range(10)])
    assert broker.taken == [
        ("t", 0, [b"0", b"2", b"4", b"6", b"8"]),
        ("t", 1, [b"1", b"3", b"5", b"7", b"9"]),
    ]


def test_of_a_batch_that_is_refused_as_a_whole_only_the_records_that_are_too_large_by_themselves_are_named() -> None:
    broker = Broker(limit=10)
    with pytest.raises(TooLarge) as caught:
        deliver(broker, [Out("t", 0, b"k", value) for value in (b"small", b"far too large", b"short", b"tiny")])
    assert caught.value.indices == {1}
    assert broker.taken == [("t", 0, [b"small"]), ("t", 0, [b"short"]), ("t", 0, [b"tiny"])]


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
    with pytest.raises(TooLarge) as caught:
        deliver(broker, items)
    assert caught.value.indices == {1}
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
