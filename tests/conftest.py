"""Brokers for tests: `broker` is the embedded one, one a test; `kafka` a real Kafka, started once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.kafka_server import KafkaServer, missing


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """The embedded broker, an empty one for each test: it starts in milliseconds, and slows down with its topics."""
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(scope="session")
def kafka_possible() -> None:
    """Skips, with a line that says why, where Java or Maven is missing for a real Kafka; under CI it must run."""
    why = missing()
    if why and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def kafka(kafka_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as running:
        yield running
