"""A team subscribes to violations by pattern, with each of three clients, on both brokers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer
from kafka import KafkaConsumer

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Publisher
from streams.kafka.topics import topic_name
from streams.model import AREAS
from streams.settings import Settings
from tests.integration.deployment import deploy
from tests.kafka_server import KafkaServer

SECONDS = 60.0
SESSION_MS = 6000  # the embedded broker lets a member join after half of it
CONSUMER = {  # of both clients in Python
    "auto_offset_reset": "earliest",
    "session_timeout_ms": SESSION_MS,
    "heartbeat_interval_ms": SESSION_MS // 3,
}
WANTED = {f"violations.{area.value}" for area in AREAS}


def filled(bootstrap: str, folder: Path) -> tuple[Settings, str]:
    """A deployment with one record on every violations topic and one on a topic beside them; its pattern."""
    settings = deploy(bootstrap, folder)
    with Publisher(settings.kafka) as publisher:
        for short in (*WANTED, "tagged"):
            publisher.publish(topic_name(settings.topics, short), [(b"acme", short.encode())])
    return settings, "^" + settings.topics.prefix.replace(".", r"\.") + r"violations\..*"


def by_kafka_python(bootstrap: str, pattern: str) -> set[str]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id="team-1", **CONSUMER)
    consumer.subscribe(pattern=pattern)
    found: set[str] = set()
    deadline = time.monotonic() + SECONDS
    while len(found) < len(WANTED) and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            found |= {record.value.decode() for record in records}
    consumer.close()
    return found


def by_aiokafka(bootstrap: str, pattern: str) -> set[str]:
    async def run() -> set[str]:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id="team-2", **CONSUMER)
        consumer.subscribe(pattern=pattern)
        await consumer.start()
        found: set[str] = set()
        deadline = time.monotonic() + SECONDS
        try:
            while len(found) < len(WANTED) and time.monotonic() < deadline:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found |= {record.value.decode() for record in records}
        finally:
            await consumer.stop()
        return found

    return asyncio.run(run())


def by_confluent(bootstrap: str, pattern: str) -> set[str]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "team-3",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": SESSION_MS,
        }
    )
    consumer.subscribe([pattern])
    found: set[str] = set()
    deadline = time.monotonic() + SECONDS
    while len(found) < len(WANTED) and time.monotonic() < deadline:
        record = consumer.poll(0.5)
        if record is not None and record.error() is None:
            found.add((record.value() or b"").decode())
    consumer.close()
    return found


CLIENTS = [by_kafka_python, by_aiokafka, by_confluent]


@pytest.mark.kafka
@pytest.mark.parametrize("client", CLIENTS)
def test_a_pattern_brings_every_area_and_nothing_else(
    kafka: KafkaServer, tmp_path: Path, client: Callable[[str, str], set[str]]
) -> None:
    settings, pattern = filled(kafka.bootstrap, tmp_path)
    assert client(settings.kafka.bootstrap, pattern) == WANTED


@pytest.mark.broker
@pytest.mark.parametrize("client", CLIENTS)
def test_the_same_holds_on_the_embedded_broker(
    broker: EmbeddedBroker, tmp_path: Path, client: Callable[[str, str], set[str]]
) -> None:
    settings, pattern = filled(broker.bootstrap, tmp_path)
    assert client(settings.kafka.bootstrap, pattern) == WANTED
