"""Skips: records that workers are told to go past, because nothing that reads them survives."""

from __future__ import annotations

import msgspec

from streams.model.record import Record

__all__ = ["Skip", "Skips"]


class Skip(msgspec.Struct, frozen=True):
    """One record to go past, why, and who decided it. `at` is in ms; `by` is an id."""

    cell: str
    topic: str
    partition: int
    offset: int
    reason: str
    by: str
    at: int


class Skips:
    """All skips of one cell: people decide them one by one, so they are few."""

    def __init__(self, cell: str) -> None:
        self._cell = cell
        self._places: set[tuple[str, int, int]] = set()

    def __len__(self) -> int:
        return len(self._places)

    def put(self, skip: Skip) -> None:
        """Take one; those of other cells are not ours."""
        if skip.cell == self._cell:
            self._places.add((skip.topic, skip.partition, skip.offset))

    def has(self, record: Record) -> bool:
        """Whether a record is to be gone past."""
        return (record.topic, record.partition, record.offset) in self._places
