"""Brokers for tests: `broker` is the embedded one, one a test; `kafka` a real Kafka, started once a session."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from kafka.net.inet import KafkaNetSocket

from streams.kafka.embedded import EmbeddedBroker
from tests.kafka_server import KafkaServer, missing


class _ClosingSocket(socket.socket):
    """A socket that the garbage collector closes without a warning."""

    def __del__(self) -> None:
        self.close()


@pytest.fixture(scope="session", autouse=True)
def _sockets_close() -> Iterator[None]:
    """Sockets that kafka-python 3.0 leaves to the garbage collector are closed by it without a warning.

    They belong to connections that fail or are dropped while they connect, and to clients that are closed while a
    request waits to be written. The warning would fail whatever test is running then.
    """

    def closing(self: KafkaNetSocket, *args: int) -> socket.socket:
        return _ClosingSocket(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KafkaNetSocket, "socket", closing)
        yield


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
