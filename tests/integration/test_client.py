"""The SDK against a broker: sealed events arrive and open, modes hold, and an outage loses nothing that fits."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import cli
from streams.client import AsyncClient, Client, Limits, Problem, StorageMode
from streams.codec.intake import Intake
from streams.kafka.embedded import EmbeddedBroker
from streams.model import Signal
from streams.model.routing import record_key
from tests.integration.client_deployment import Deployment, opened, received, sequences, until
from tests.kafka_server import KafkaServer

pytestmark = pytest.mark.broker

CANARY = "canary-77ab03"


class Broker(EmbeddedBroker):
    """The embedded broker, which can also be made to answer nothing for a while without forgetting anything."""

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture(autouse=True)
def _quiet_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage makes the libraries log tracebacks; captured ones would hold their sockets for the whole session."""
    for name in ("kafka", "aiokafka"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", False)
        monkeypatch.setattr(logging.getLogger(name), "handlers", [logging.NullHandler()])


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    with made:
        yield made
    gc.collect()  # here, where this module's filters bear with the sockets that kafka-python left


@pytest.fixture
def deployment(broker: Broker) -> Deployment:
    made = Deployment(broker.bootstrap)
    made.set_up()
    return made


def test_events_arrive_sealed_and_open_with_the_workers_keys(deployment: Deployment) -> None:
    deployment.account("acme", StorageMode.STANDARD)
    with Client(deployment.bootstrap, application="chat") as client:
        assert client.wait_ready(20)
        assert client.mode("acme") is StorageMode.STANDARD
        event_id = client.record(
            account="acme", prompt=CANARY, completion="good day", conversation="c1", end_user="a@example.org"
        )
        assert client.flush(20)
        assert client.statistics.sent == 1
    (record,) = deployment.read("intake", 1)
    assert CANARY.encode() not in record.value
    assert b"example.org" not in record.value
    assert record.key == record_key("acme", "c1")
    ((event, content),) = opened(deployment, [record])
    assert (event.meta.event_id, event.meta.application, event.meta.end_user) == (event_id, "chat", None)
    assert event.sealed.key == "t-standard"
    assert [message.text for message in content.messages] == [CANARY, "good day"]
    assert content.attributes == {"streams:end_user": "a@example.org"}


def test_other_modes_take_the_key_that_lives_an_hour_and_a_change_holds_within_seconds(deployment: Deployment) -> None:
    deployment.account("acme", StorageMode.STANDARD)
    with Client(deployment.bootstrap) as client:
        assert client.wait_ready(20)
        client.record(account="stranger", prompt="hello")
        deployment.account("acme", StorageMode.NO_STORAGE, version=2)
        until(lambda: client.mode("acme") is StorageMode.NO_STORAGE)
        client.record(account="acme", prompt="hello")
        assert client.flush(20)
    records = deployment.read("intake", 2)
    assert {event.sealed.key for event, _ in opened(deployment, records)} == {"t-no_storage"}


def test_of_an_edge_account_no_byte_of_content_is_sent(deployment: Deployment) -> None:
    pytest.importorskip("hyperscan")
    deployment.account("clinic", StorageMode.EDGE)
    told: list[Problem] = []
    with Client(deployment.bootstrap, on_error=told.append) as client:
        client.record(account="clinic", prompt=f"hello {CANARY}", attributes={"a": CANARY}, end_user=f"{CANARY} x")
        assert client.flush(60)
        assert client.statistics.sent == 1, told
    (record,) = deployment.read("signals", 1)
    assert CANARY.encode() not in record.value + record.key
    assert deployment.ended("intake") == 0
    (signal,) = Intake("cell", bytes(32), 10**7, {record.topic: "signals"}).decode([received(record)])
    assert isinstance(signal, Signal)
    assert (signal.meta.account, signal.source.offset, signal.facts.mode) == ("clinic", record.offset, StorageMode.EDGE)


def test_drops_at_the_ceiling_are_visible_as_gaps(deployment: Deployment) -> None:
    with Client(deployment.bootstrap, limits=Limits(max_events=3)) as client:
        ids = [client.record(account="acme", prompt=f"hello {i}") for i in range(5)]
        assert client.wait_ready(20)
        assert client.flush(20)
        client.record(account="acme", prompt="later")
        assert client.flush(20)
        counts = client.statistics
    accepted = [number for number, event_id in enumerate(ids, start=1) if event_id] + [6]
    assert counts.recorded == 6
    assert counts.dropped.get("ceiling", 0) == 6 - len(accepted)
    assert sequences(deployment.read("intake", len(accepted))) == accepted


def test_what_was_recorded_before_keys_and_broker_came_is_sent_when_they_do(broker: Broker) -> None:
    client = Client(broker.bootstrap, on_error=lambda problem: None)
    event_id = client.record(account="acme", prompt="hello")
    assert not client.flush(0.1)
    deployment = Deployment(broker.bootstrap)
    deployment.set_up()
    assert client.flush(30)
    ((event, _),) = opened(deployment, deployment.read("intake", 1))
    assert event.meta.event_id == event_id
    assert client.close()


def test_the_broker_dies_and_comes_back_and_nothing_that_fits_is_lost(broker: Broker) -> None:
    deployment = Deployment(broker.bootstrap)
    deployment.set_up()
    told: list[Problem] = []
    client = Client(broker.bootstrap, on_error=told.append)
    client.record(account="acme", prompt="before")
    assert client.flush(30)
    broker.stop()
    for i in range(20):
        client.record(account="acme", prompt=f"meanwhile {i}", conversation="c1")
    assert not client.flush(1)
    broker.start()
    deployment.set_up()  # the broker keeps everything in memory, so it came back empty
    assert client.flush(60), client.statistics
    assert client.statistics.dropped == {}
    found = sequences(deployment.read("intake", 20))
    assert sorted(set(found)) == list(range(2, 22))
    assert client.close()
    assert any(problem.reason.value in ("broker", "following") for problem in told)


def test_a_program_that_just_ends_has_sent_its_events(deployment: Deployment) -> None:
    program = (
        "import sys; from streams.client import Client\n"
        "Client(sys.argv[1]).record(account='acme', prompt='the last words')"
    )
    subprocess.run([sys.executable, "-c", program, deployment.bootstrap], check=True, timeout=60)
    ((_, content),) = opened(deployment, deployment.read("intake", 1))
    assert content.messages[0].text == "the last words"


@pytest.mark.parametrize("topic", ["intake", "intake.plain"])
def test_the_command_sends_lines(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
    monkeypatch.setenv("STREAMS_KAFKA__BOOTSTRAP", deployment.bootstrap)
    lines = f'{{"prompt": "{CANARY}"}}\n' * 3
    arguments = ["send", "--account", "acme", "--topic", topic, "--json"]
    result = CliRunner().invoke(cli, arguments, input=lines, standalone_mode=False)
    assert (result.return_value, json.loads(result.stdout)["sent"]) == (0, 3)
    records = deployment.read(topic, 3)
    assert [CANARY.encode() in record.value for record in records] == [topic == "intake.plain"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parent_and_forked_child_both_send_what_is_theirs(deployment: Deployment) -> None:
    program = """
import os, sys
from streams.client import Client
client = Client(sys.argv[1])
client.record(account="acme", prompt="parent, before")
assert client.flush(20)
if os.fork() == 0:
    client.record(account="acme", prompt="child")
    os._exit(0 if client.close(20) else 1)
client.record(account="acme", prompt="parent, after")
assert client.close(20)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""
    subprocess.run([sys.executable, "-c", program, deployment.bootstrap], check=True, timeout=60)
    events = opened(deployment, deployment.read("intake", 3))
    said = {content.messages[0].text: event.meta.producer for event, content in events}
    assert said.keys() == {"parent, before", "child", "parent, after"}
    assert said["child"] != said["parent, before"] == said["parent, after"]


def test_the_asyncio_client_does_the_same(deployment: Deployment) -> None:
    deployment.account("acme", StorageMode.STANDARD)

    async def application() -> tuple[str | None, bool, int]:
        async with AsyncClient(deployment.bootstrap) as client:
            assert client.record(account="no id", prompt="hello") is None
            event_id = client.record(account="acme", prompt=CANARY, conversation="c1")
            assert await client.wait_ready(20)
            assert client.mode("acme") is StorageMode.STANDARD
            flushed = await client.flush(20)
            return event_id, flushed, client.statistics.sent

    event_id, flushed, sent = asyncio.run(application())
    assert (flushed, sent) == (True, 1)
    (record,) = deployment.read("intake", 1)
    assert CANARY.encode() not in record.value
    assert record.key == record_key("acme", "c1")
    ((event, content),) = opened(deployment, [record])
    assert (event.meta.event_id, event.meta.sequence) == (event_id, 2)
    assert content.messages[0].text == CANARY


def test_the_asyncio_client_survives_an_outage(broker: Broker) -> None:
    deployment = Deployment(broker.bootstrap)
    deployment.set_up()

    async def application() -> dict[str, int]:
        client = AsyncClient(broker.bootstrap, on_error=lambda problem: None)
        client.record(account="acme", prompt="before")
        assert await client.flush(30)
        broker.freeze()
        for i in range(10):
            client.record(account="acme", prompt=f"meanwhile {i}")
        assert not await client.flush(1)
        broker.thaw()
        assert await client.flush(60), client.statistics
        assert await client.close()
        return dict(client.statistics.dropped)

    assert asyncio.run(application()) == {}
    assert sorted(set(sequences(deployment.read("intake", 11)))) == list(range(1, 12))


def outage(server: KafkaServer, record: Callable[[int], object]) -> None:
    """Kill the broker with signal 9, go on recording, and start it again with what it holds."""
    server.kill()
    for i in range(20):
        record(i)
    server.start()


@pytest.fixture
def own_kafka(kafka: KafkaServer, tmp_path: Path) -> Iterator[KafkaServer]:
    """A real Kafka that may be killed; `kafka` says whether one can run here."""
    with KafkaServer(tmp_path) as running:
        yield running
    gc.collect()


@pytest.mark.kafka
def test_a_real_broker_killed_with_signal_9_costs_neither_client_an_event(own_kafka: KafkaServer) -> None:
    deployment = Deployment(own_kafka.bootstrap)
    deployment.set_up()

    def recorder(client: Client | AsyncClient) -> Callable[[int], object]:
        return lambda i: client.record(account="acme", prompt=f"event {i}", conversation=f"c{i % 3}")

    async def application() -> str:
        async with AsyncClient(own_kafka.bootstrap, on_error=lambda problem: None) as client:
            recorder(client)(0)
            assert await client.flush(30)
            await asyncio.to_thread(outage, own_kafka, recorder(client))
            assert await client.flush(90), client.statistics
            return client.producer

    with Client(own_kafka.bootstrap, on_error=lambda problem: None) as client:
        recorder(client)(0)
        assert client.flush(30)
        outage(own_kafka, recorder(client))
        assert client.flush(90), client.statistics
        asynchronous = asyncio.run(application())
    found: dict[str | None, set[int]] = {}
    for event, _ in opened(deployment, deployment.read("intake", 42)):
        found.setdefault(event.meta.producer, set()).add(event.meta.sequence or 0)
    assert found == {client.producer: set(range(1, 22)), asynchronous: set(range(1, 22))}
