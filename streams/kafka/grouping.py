"""Delivery in groups: what is to be delivered while waves are under way travels together in the next one.

Each wave costs the same whether it carries five records or five thousand. So many small batches, of many partitions
at a moderate rate, become few waves; and nothing waits where nothing is under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streams.kafka.producer import Out, TooLarge

__all__ = ["Grouped"]

WAVES = 1  # under way at a time
WAVE_BYTES = 16 << 20  # what one carries at most, if it carries more than one parcel


class _Sink(Protocol):
    async def deliver(self, items: Sequence[Out]) -> None: ...


class _Parcel(NamedTuple):
    items: Sequence[Out]
    size: int
    done: asyncio.Future[None]


class Grouped:
    """A sink before another: same contract, fewer calls. A wave that fails fails for all that it carried.

    Not so a record that is too large: whoever gave it is told its position, the others that theirs were delivered.
    """

    def __init__(self, sink: _Sink, waves: int = WAVES) -> None:
        self._sink = sink
        self._waves = waves
        self._waiting: deque[_Parcel] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, items: Sequence[Out]) -> None:
        """Return once all in-sync replicas have all records; raises what the sink behind raises."""
        if not items:
            return
        parcel = _Parcel(items, sum(len(item.value) for item in items), asyncio.get_running_loop().create_future())
        self._waiting.append(parcel)
        if self._under_way < self._waves:
            self._under_way += 1
            task = asyncio.create_task(self._carry())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await parcel.done

    async def _carry(self) -> None:
        """Carry until nothing waits. No task gets in between the last look and the word that this one is over."""
        try:
            await self._carry_all()
        finally:
            self._under_way -= 1

    async def _carry_all(self) -> None:
        while self._waiting:
            group = self._group()
            try:
                await self._sink.deliver([item for parcel in group for item in parcel.items])
            except TooLarge as error:
                _tell_each(group, error.indices)
            except BaseException as error:
                for parcel in group:
                    if not parcel.done.done():
                        parcel.done.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                _tell_each(group, frozenset())

    def _group(self) -> list[_Parcel]:
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= WAVE_BYTES:
            size += self._waiting[0].size
            group.append(self._waiting.popleft())
        return group


def _tell_each(group: Sequence[_Parcel], large: frozenset[int]) -> None:
    start = 0
    for parcel in group:
        own = frozenset(index - start for index in large if start <= index < start + len(parcel.items))
        start += len(parcel.items)
        if parcel.done.done():
            continue
        if own:
            parcel.done.set_exception(TooLarge(own))
        else:
            parcel.done.set_result(None)
