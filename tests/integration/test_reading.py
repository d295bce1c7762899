"""The reader reads to the true end, also where the broker tells it wrong and a batch is larger than a poll."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.producer import BatchProducer, Out
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.settings import Settings
from tests.integration.deployment import deploy

pytestmark = pytest.mark.broker
NUMBER = 1_750


async def deliver(settings: Settings, topic: str) -> None:
    async with BatchProducer(settings.kafka) as producer:
        await producer.deliver([Out(topic, 0, b"k", b"%d" % i) for i in range(NUMBER)])


def test_a_batch_of_more_records_than_one_poll_is_read_whole(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    topic = topic_name(settings.topics, "tagged")
    asyncio.run(deliver(settings, topic))
    with Reader(settings.kafka) as reader:
        assert [record.value for record in reader.read([topic])] == [b"%d" % i for i in range(NUMBER)]
        assert reader.bounds([topic])[topic, 0] == (0, NUMBER)
