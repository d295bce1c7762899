"""The buffer holds no more than it may, keeps order, and knows when what was there is done."""

from __future__ import annotations

from threading import Event

from streams.client.buffer import Buffer
from streams.client.config import Limits
from streams.client.events import Defaults, Draft, draft


def make(sequence: int, text: str = "hello") -> Draft:
    made = draft({"account": "acme", "prompt": text}, Defaults("p"), sequence)
    made.recorded_at = float(sequence)
    return made


def sequences(drafts: list[Draft]) -> list[int | None]:
    return [one.meta.sequence for one in drafts]


def test_the_ceilings_refuse_the_newest() -> None:
    buffer = Buffer(Limits(max_events=2))
    assert [buffer.offer(make(i)) for i in (1, 2, 3)] == [True, True, False]
    small = Buffer(Limits(max_bytes=make(1).size * 2))
    assert [small.offer(make(i)) for i in (1, 2, 3)] == [True, True, False]


def test_events_on_their_way_count_until_they_end() -> None:
    buffer = Buffer(Limits(max_events=1))
    buffer.offer(make(1))
    (taken,) = buffer.take(10, 10**6)
    assert not buffer.offer(make(2))
    buffer.end(taken)
    assert buffer.offer(make(3))
    assert buffer.bytes == make(3).size


def test_taking_is_bounded_by_bytes_but_gives_at_least_one() -> None:
    buffer = Buffer(Limits())
    for i in range(5):
        buffer.offer(make(i))
    assert sequences(buffer.take(10, 1)) == [0]
    assert sequences(buffer.take(2, 10**6)) == [1, 2]


def test_what_comes_back_goes_first_and_in_order() -> None:
    buffer = Buffer(Limits())
    for i in range(6):
        buffer.offer(make(i))
    taken = buffer.take(4, 10**6)
    for one in (taken[2], taken[0], taken[3]):
        buffer.put_back([one])
    assert sequences(buffer.take(10, 10**6)) == [0, 2, 3, 4, 5]


def test_old_events_are_found_whether_they_came_back_or_never_went() -> None:
    buffer = Buffer(Limits())
    for i in range(4):
        buffer.offer(make(i))
    buffer.put_back(buffer.take(1, 10**6))
    assert sequences(buffer.take_older(2.0)) == [0, 1]
    assert buffer.waiting == 2


def test_a_waiter_is_done_when_all_that_was_there_has_ended() -> None:
    buffer, done = Buffer(Limits()), Event()
    for i in range(2):
        buffer.offer(make(i))
    waiter = buffer.watch(done.set)
    buffer.offer(make(2))
    first, second, third = buffer.take(3, 10**6)
    buffer.end(third)
    buffer.end(first)
    assert not done.is_set()
    buffer.end(second)
    assert done.is_set()
    buffer.unwatch(waiter)


def test_a_waiter_over_nothing_is_done_at_once() -> None:
    done = Event()
    Buffer(Limits()).watch(done.set)
    assert done.is_set()
