"""The sending thread against producers that misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from streams.client import threads
from streams.client.core import Core
from streams.client.threads import SendLoop

MakeCore = Callable[..., Core]


class _Future:
    def __init__(self, answers: bool) -> None:
        self._answers = answers

    def add_callback(self, call: Callable[..., None], out: Any) -> None:
        if self._answers:
            call(out, None)

    def add_errback(self, call: Callable[..., None], out: Any) -> None:
        """Nothing fails here."""


class _Producer:
    """Takes records; `answers` says whether it ever tells what became of them."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers
        self.forced = False
        self._closed = False
        self._sender = self

    def send(self, topic: str, value: bytes, key: bytes) -> _Future:
        return _Future(self.answers)

    def force_close(self) -> None:
        self.forced = True

    def close(self, timeout: float) -> None:
        if not self.answers:
            raise KafkaTimeoutError


def test_a_producer_that_neither_delivers_nor_fails_is_left_and_its_events_go_with_a_new_one(
    make_core: MakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core()
    made = [_Producer(False), _Producer(True)]
    used = list(made)
    loop = SendLoop(core, threading.Event())

    def connect() -> _Producer:
        loop._producer = loop._producer or made.pop(0)
        found: _Producer = loop._producer
        return found

    monkeypatch.setattr(loop, "_connect", connect)
    core.record((), {"account": "acme", "prompt": "hello"})
    loop._round()
    assert core.buffer.flying == 1, "the first producer has it, and says nothing"
    loop._round()
    assert core.buffer.flying == 1, "it is given time"
    monkeypatch.setattr(threads, "OVERDUE_SECONDS", 0.0)
    loop._round()
    assert core.statistics().sent == 0
    assert core.buffer.waiting == 1, "it waits again"
    monkeypatch.setattr(core, "_retry_at", 0.0)
    loop._round()
    assert core.statistics().sent == 1
    assert used[0].forced, "what cannot end well is made to end"
