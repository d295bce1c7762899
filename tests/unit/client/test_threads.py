"""The sending thread against producers that misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from streams.client import threads
from streams.client.core import Core
from streams.client.report import Reason
from streams.client.threads import SendLoop

MakeCore = Callable[..., Core]


class _Future:
    def __init__(self, answers: bool, fails: bool = False) -> None:
        self._answers = answers
        self._fails = fails

    def add_callback(self, call: Callable[..., None], out: Any) -> None:
        if self._answers:
            call(out, None)

    def add_errback(self, call: Callable[..., None], out: Any) -> None:
        if self._fails:
            call(out, KafkaTimeoutError())


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


def _with_producers(core: Core, made: list[Any], monkeypatch: pytest.MonkeyPatch) -> SendLoop:
    loop = SendLoop(core, threading.Event())

    def connect() -> Any:
        loop._producer = loop._producer or made.pop(0)
        return loop._producer

    monkeypatch.setattr(loop, "_connect", connect)
    return loop


def test_a_producer_that_neither_delivers_nor_fails_is_left_and_its_events_go_with_a_new_one(
    make_core: MakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core()
    made = [_Producer(False), _Producer(True)]
    used = list(made)
    loop = _with_producers(core, made, monkeypatch)
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


class _Falling(_Producer):
    """Fails the first record that it is given, and then says nothing of any other, as kafka-python's may."""

    def __init__(self) -> None:
        super().__init__(False)
        self.taken = 0

    def send(self, topic: str, value: bytes, key: bytes) -> _Future:
        self.taken += 1
        return _Future(False, fails=self.taken == 1)


def test_after_one_failure_nothing_waits_for_what_the_producer_still_has(
    make_core: MakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events come without a pause, so the producer always has some: a new one begins all the same, and at once."""
    core = make_core()
    first, second = _Falling(), _Producer(True)
    loop = _with_producers(core, [first, second], monkeypatch)
    for _ in range(3):
        core.record((), {"account": "acme", "prompt": "hello"})
    loop._round()
    assert (core.buffer.waiting, core.buffer.flying) == (1, 2), "one failed, of two nothing is heard"
    monkeypatch.setattr(core, "_retry_at", 0.0)
    loop._round()
    assert first.forced, "it is left"
    assert core.buffer.flying == 0, "what it had waits for the next attempt"
    monkeypatch.setattr(core, "_retry_at", 0.0)
    loop._round()
    assert core.statistics().sent == 3


def test_what_else_a_failed_producer_has_may_be_delivered_while_the_pause_lasts(
    make_core: MakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event that the broker never takes must not cut off all others again and again."""
    core = make_core()
    first = _Falling()
    loop = _with_producers(core, [first, _Producer(True)], monkeypatch)
    for _ in range(2):
        core.record((), {"account": "acme", "prompt": "hello"})
    loop._round()
    loop._round()
    assert not first.forced, "the pause lasts: it is not left"
    (_, flying) = next(iter(loop._flying.values()))
    loop._sent(flying, None)
    assert (core.statistics().sent, core.buffer.waiting, core.buffer.flying) == (1, 1, 0)
    loop._round()
    assert first.forced, "it has nothing more"


def test_many_events_that_fail_at_once_are_one_failure(make_core: MakeCore) -> None:
    """The pause before the next attempt grows with each attempt, not with each event."""
    core = make_core()
    for _ in range(50):
        core.stumbled(Reason.BROKER, KafkaTimeoutError())
    assert core._retry_at - monotonic() < 0.5


def test_an_event_that_waits_for_a_key_does_not_keep_the_pause_from_growing(make_core: MakeCore) -> None:
    core = make_core()
    pauses = []
    for _ in range(4):
        core._stumbled_until = 0.0
        core._retry_at = monotonic() + 0.25
        core.stumbled(Reason.BROKER, KafkaTimeoutError())
        pauses.append(core._retry_at - monotonic())
    assert pauses == sorted(pauses)
    assert pauses[3] > 2 * pauses[1]
