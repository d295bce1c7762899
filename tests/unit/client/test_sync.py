"""The synchronous client without a broker: the model call goes on, memory is bounded, nothing is left on disk."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.client import Client, Limits, Problem
from streams.client.testing import RecordingClient
from streams.model import StorageMode


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that refuses connections for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_without_a_broker_events_wait_up_to_the_ceiling_and_are_counted_in_the_end(nowhere: str) -> None:
    told: list[Problem] = []
    client = Client(nowhere, limits=Limits(max_events=10), on_error=told.append)
    ids = [client.record(account="acme", prompt=f"hello {i}") for i in range(12)]
    assert ids[9] is not None
    assert ids[10:] == [None, None]
    assert client.mode("acme") is None
    assert not client.ready
    assert not client.flush(timeout=0.01)
    assert not client.close(timeout=0.01)
    counts = client.statistics
    assert counts.dropped == {"ceiling": 2, "undelivered": 10}
    assert (counts.recorded, counts.sent, counts.buffered_events, counts.buffered_bytes) == (12, 0, 0, 0)
    assert {problem.reason.value for problem in told} >= {"ceiling", "undelivered"}


def test_after_close_events_are_dropped_and_the_callback_still_hears_of_it(nowhere: str) -> None:
    told: list[Problem] = []
    with Client(nowhere, on_error=told.append) as client:
        pass
    assert client.record(account="acme", prompt="late") is None
    assert [problem.reason.value for problem in told if problem.dropped] == ["closed"]
    assert client.close()


def test_nothing_is_written_to_disk(nowhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = os.open

    def watched(path: str, flags: int, *rest: int, **named: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            opened.append(path)
        return real(path, flags, *rest, **named)

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "open", watched)
    client = Client(nowhere, limits=Limits(max_events=5))
    for i in range(20):
        client.record(account="acme", prompt=f"hello {i}")
    client.close(timeout=0.01)
    assert opened == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of newer Pythons, about fork and threads
def test_a_forked_child_begins_anew_and_the_parent_keeps_its_events(nowhere: str) -> None:
    client = Client(nowhere)
    client.record(account="acme", prompt="the parent's")
    producer = client.producer
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # no assertion may leave the child
        held = client.statistics.buffered_events
        recorded = client.record(account="acme", prompt="the child's")
        fresh = client.producer != producer and held == 0 and recorded is not None
        alive = client.statistics.buffered_events == 1 and not client.close(0.01)
        os.write(writing, b"well" if fresh and alive else b"ill!")
        os._exit(0)
    assert os.read(reading, 4) == b"well"
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert client.producer == producer
    assert client.statistics.buffered_events == 1
    client.close(0.01)


def test_the_callback_may_use_the_client(nowhere: str) -> None:
    told: list[Problem] = []

    def again(problem: Problem) -> None:
        told.append(problem)
        if len(told) == 1:
            client.record(account="acme", prompt="from the callback")
            assert not client.flush(None)
            client.close(0.01)

    client = Client(nowhere, on_error=again)
    client.record(account="no id", prompt="hello")
    client._sending.join(20) if client._sending else None
    assert client.statistics.recorded == 2
    assert "account" in [problem.field for problem in told]


def test_the_public_fake_checks_like_the_client_and_keeps_what_it_got() -> None:
    client = RecordingClient({"clinic": StorageMode.EDGE}, application="chat")
    with client:
        event_id = client.record(account="acme", prompt="hello", completion="good day", conversation="c1")
        assert client.record(account="acme") is None
        assert client.record("hello") is None  # type: ignore[arg-type]
    assert client.record(account="acme", prompt="late") is None
    (event,) = client.events
    assert (event.meta.event_id, event.meta.application) == (event_id, "chat")
    assert [message.text for message in event.content.messages] == ["hello", "good day"]
    assert [problem.reason.value for problem in client.problems] == ["invalid", "invalid", "closed"]
    assert client.mode("clinic") is StorageMode.EDGE
    assert client.mode("acme") is StorageMode.NO_STORAGE
    assert "never leaves" in client.what_happens("clinic")
    assert "Nobody has set" in client.what_happens("acme")
    assert client.statistics.sent == 1
