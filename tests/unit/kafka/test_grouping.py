"""Groups of deliveries: nothing waits alone, what waits travels together, and each is told what became of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streams.errors import BrokerUnavailable
from streams.kafka import grouping
from streams.kafka.grouping import Grouped
from streams.kafka.producer import Out, TooLarge


class Topics:
    """Takes waves, each when it is let through; refuses values that begin with `L`, fails at waves that are named."""

    def __init__(self, *fail_at: int) -> None:
        self.waves: list[list[bytes]] = []
        self.open = asyncio.Event()
        self._fail_at = fail_at

    async def deliver(self, items: Sequence[Out]) -> None:
        self.waves.append([item.value for item in items])
        number = len(self.waves) - 1
        await self.open.wait()
        if number in self._fail_at:
            raise BrokerUnavailable("gone")
        if large := frozenset(i for i, item in enumerate(items) if item.value.startswith(b"L")):
            raise TooLarge(large)


def outs(*values: bytes) -> list[Out]:
    return [Out("t", 0, b"k", value) for value in values]


async def deliveries(topics: Topics, *parcels: list[Out]) -> list[BaseException | None]:
    """All at once; the first is under way before the others come."""
    grouped = Grouped(topics)
    tasks = []
    for parcel in parcels:
        tasks.append(asyncio.create_task(grouped.deliver(parcel)))
        for _ in range(3):
            await asyncio.sleep(0)
    topics.open.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_comes_while_a_wave_is_under_way_travels_together_in_the_next() -> None:
    async def run() -> None:
        topics = Topics()
        assert await deliveries(topics, outs(b"1"), outs(b"2", b"3"), outs(b"4")) == [None] * 3
        assert topics.waves == [[b"1"], [b"2", b"3", b"4"]]

    asyncio.run(run())


def test_a_delivery_alone_goes_at_once_and_an_empty_one_not_at_all() -> None:
    async def run() -> None:
        topics = Topics()
        assert await deliveries(topics, outs(), outs(b"1")) == [None, None]
        assert topics.waves == [[b"1"]]

    asyncio.run(run())


def test_whoever_gave_a_record_that_is_too_large_is_told_its_own_position_and_nobody_else() -> None:
    async def run() -> None:
        topics = Topics()
        done = await deliveries(topics, outs(b"1"), outs(b"2", b"3"), outs(b"4", b"L", b"5", b"L"), outs(b"L"))
        assert done[:2] == [None, None]
        assert [error.indices for error in done[2:] if isinstance(error, TooLarge)] == [{1, 3}, {0}]

    asyncio.run(run())


def test_a_wave_that_fails_fails_for_all_that_it_carried_and_the_next_goes_on() -> None:
    async def run() -> None:
        topics = Topics(1)
        grouped = Grouped(topics)
        first = asyncio.create_task(grouped.deliver(outs(b"1")))
        await asyncio.sleep(0)
        carried = [asyncio.create_task(grouped.deliver(outs(value))) for value in (b"2", b"3")]
        await asyncio.sleep(0)
        topics.open.set()
        await first
        done = await asyncio.gather(*carried, return_exceptions=True)
        assert [type(error) for error in done] == [BrokerUnavailable] * 2
        await grouped.deliver(outs(b"4"))
        assert topics.waves == [[b"1"], [b"2", b"3"], [b"4"]]

    asyncio.run(run())


def test_what_is_given_when_a_wave_has_just_landed_is_not_left_behind() -> None:
    """Whoever is woken by the last wave gives the next at once, before the loop has cleared away what carried it."""

    async def run() -> None:
        topics = Topics()
        topics.open.set()
        grouped = Grouped(topics)

        async def outputs_and_receipt() -> None:
            for value in (b"outputs", b"receipt", b"more", b"receipt"):
                async with asyncio.timeout(5):
                    await grouped.deliver(outs(value))

        await asyncio.gather(*(outputs_and_receipt() for _ in range(3)))
        assert sum(map(len, topics.waves)) == 12

    asyncio.run(run())


def test_one_that_gave_up_waiting_harms_none_that_travels_with_it() -> None:
    async def run() -> None:
        topics = Topics()
        grouped = Grouped(topics)
        tasks = [asyncio.create_task(grouped.deliver(outs(value))) for value in (b"1", b"2", b"3")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        topics.open.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in done] == [type(None), asyncio.CancelledError, type(None)]

    asyncio.run(run())


def test_a_wave_carries_more_than_one_delivery_only_up_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "WAVE_BYTES", 5)

    async def run() -> None:
        topics = Topics()
        await deliveries(topics, outs(b"1"), outs(b"22", b"22"), outs(b"33"), outs(b"4444444"))
        assert topics.waves == [[b"1"], [b"22", b"22"], [b"33"], [b"4444444"]]

    asyncio.run(run())
