"""Receipts: what became of runs of offsets."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.model.event import Disposition

__all__ = ["Receipt", "Run", "fold", "runs"]


class Run(msgspec.Struct, frozen=True, gc=False):
    """Offsets `first` to `last`, both included, which ended the same way."""

    first: int
    last: int
    disposition: Disposition


class Receipt(msgspec.Struct, frozen=True):
    """What one worker did with one batch of one source partition. `written_at` is in ms.

    `skipped` names the offsets that the worker was told to go past unread; their runs say `dead_letter`.
    """

    cell: str
    topic: str
    partition: int
    runs: tuple[Run, ...]
    worker: str
    generation: int
    policy: str
    written_at: int
    skipped: tuple[int, ...] = ()


def runs(ended: list[tuple[int, Disposition]]) -> tuple[Run, ...]:
    """Fold offsets in ascending order into runs of one disposition.

    >>> runs([(1, Disposition.STORED), (2, Disposition.STORED), (3, Disposition.REFUSED)])[0].last
    2
    """
    folded: list[Run] = []
    first = last = 0
    current: Disposition | None = None
    for offset, disposition in ended:
        if disposition is current and offset == last + 1:
            last = offset
            continue
        if current is not None:
            folded.append(Run(first, last, current))
        first, last, current = offset, offset, disposition
    if current is not None:
        folded.append(Run(first, last, current))
    return tuple(folded)


def fold(parts: Iterable[Run]) -> tuple[Run, ...]:
    """Put runs in order and join neighbours of one disposition. Runs must not overlap.

    >>> fold([Run(3, 4, Disposition.STORED), Run(0, 2, Disposition.STORED)])[0].last
    4
    """
    folded: list[Run] = []
    for part in sorted(parts, key=lambda run: run.first):
        if folded and folded[-1].disposition is part.disposition and folded[-1].last == part.first - 1:
            folded[-1] = Run(folded[-1].first, part.last, part.disposition)
        else:
            folded.append(part)
    return tuple(folded)
