"""Rate rules in a deployment: counts on Kafka become violations, the same ones whoever judges them, however often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.codec.records import decode_violation, encode_count
from streams.kafka.admin import broker_features, partition_counts
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.producer import BatchProducer
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.model import Count, Source, StorageMode, Violation
from streams.policy import load_policies
from streams.policy.rates import RateJudge
from streams.settings import Settings
from streams.worker.outputs import Outputs
from streams.worker.rates import RateWatch
from tests.integration.deployment import deploy
from tests.kafka_server import KafkaServer

SECONDS = 40.0
MINUTE = 60_000
NOW = time.time_ns() // 1_000_000 // MINUTE * MINUTE


def spam(account: str, events: int, offset: int) -> tuple[bytes, bytes]:
    source = Source("cell", "compliance.intake", 0, offset, NOW)
    return account.encode(), encode_count(Count(account, "spam", NOW, events, source))


def found(settings: Settings) -> list[Violation]:
    topics = [topic_name(settings.topics, short) for short in ("violations.fraud-deception", "ledger")]
    with Reader(settings.kafka) as reader:
        records = list(reader.read(topics))
    violations = [decode_violation(record.value or b"") for record in records if record.topic == topics[0]]
    assert len(records) == 2 * len(violations), "each is in the ledger too"
    return violations


async def watch(settings: Settings, enough: Callable[[list[Violation]], bool]) -> list[Violation]:
    """Run one watch until what was published is enough."""
    counts = await asyncio.to_thread(partition_counts, settings)
    by_time = not (await asyncio.to_thread(broker_features, settings)).embedded

    def name(short: str) -> str:
        return topic_name(settings.topics, short)

    async with BatchProducer(settings.kafka) as producer:
        judge = RateJudge(load_policies(), lambda account: StorageMode.STANDARD)
        outputs = Outputs(name, counts.__getitem__, (), "w")
        task = asyncio.create_task(RateWatch(settings, name("counts"), judge, producer, outputs, by_time).run())
        try:
            async with asyncio.timeout(SECONDS):
                while not enough(violations := await asyncio.to_thread(found, settings)):
                    assert not task.done()
                    await asyncio.sleep(0.1)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return violations


def judged(settings: Settings) -> tuple[list[Violation], list[Violation]]:
    """What one watch publishes, and what is there once a second one judged the same counts."""
    with Publisher(settings.kafka) as publisher:
        records = [spam("acme", 10, n) for n in range(4)] + [spam("quiet", 5, 9), (b"acme", b"not a count")]
        publisher.publish(topic_name(settings.topics, "counts"), records)
    first = asyncio.run(watch(settings, lambda violations: len(violations) == 1))
    return first, asyncio.run(watch(settings, lambda violations: len(violations) == 2))


@pytest.mark.broker
def test_counts_become_one_violation_and_a_restart_repeats_it_under_its_id(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    first, again = judged(deploy(broker.bootstrap, tmp_path))
    assert (first[0].account, first[0].rule) == ("acme", "spam.rate")
    assert [violation.violation_id for violation in again] == [first[0].violation_id] * 2


@pytest.mark.kafka
def test_the_same_holds_where_the_broker_finds_offsets_by_time(kafka: KafkaServer, tmp_path: Path) -> None:
    first, again = judged(deploy(kafka.bootstrap, tmp_path))
    assert (first[0].account, first[0].rule) == ("acme", "spam.rate")
    assert [violation.violation_id for violation in again] == [first[0].violation_id] * 2
