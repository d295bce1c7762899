"""Brokers for tests: `broker` is the embedded one, one a test; `kafka` a real Kafka, started once a session."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.net.inet import KafkaNetSocket

from streams.kafka.embedded import EmbeddedBroker
from tests.kafka_server import KafkaServer, missing


@pytest.fixture(scope="session", autouse=True)
def _sockets_close() -> Iterator[None]:
    """Sockets that kafka-python 3.0 leaves to the garbage collector are closed at once.

    They belong to connections that fail, or are dropped while they connect; the collector's warning would fail
    whatever test is running then.
    """
    connect = KafkaNetSocket.sock_connect

    async def closing(self: KafkaNetSocket, net: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> socket.socket:
        try:
            return await connect(self, net, sock, *args, **kwargs)  # type: ignore[no-any-return]
        except BaseException:
            sock.close()
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KafkaNetSocket, "sock_connect", closing)
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
