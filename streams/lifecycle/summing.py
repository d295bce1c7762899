"""Receipts added up: whether every offset of every source ended, and in exactly one way.

Receipts are read in the order of their log. What is noted first for an offset is how it ended; the same offset noted
again is a repeat (a crash before the commit, a rebalance, a replay), counted and compared:

- It ended the same way again: a repeat.
- It ended in another way that time or a changed agreement explains (stored, and after the key's end expired_unread;
  dead_letter, and stored once the worker knew the schema): "ended differently", told by pair, no failure. The first
  one stands.
- It ended in a way that the first excludes: a conflict, and a failure. `not_stored` and later `stored`: content was
  kept of an event that had been promised not to be kept. `absent` and anything else: an offset that held no record
  cannot hold one. `lost` and later anything that was read: what is lost cannot be read.

Where accounting begins: at offset 0 while the topic of receipts still has its beginning. Once the oldest receipts
have gone by retention, at the first accounted offset or the log's start, whichever is lower.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from streams.lifecycle.pages import Pages
from streams.model import Disposition, Receipt, Run

__all__ = ["Accounting", "Bounds", "Place", "Report", "SourceReport"]

LONGEST_RUN = 2**36  # offsets; a longer run is no receipt of a worker
NAMED_GAPS = 100  # gaps named one by one; all are counted
_ENDINGS = tuple(Disposition)
_NUMBER = {ending: number for number, ending in enumerate(_ENDINGS, 1)}


class Place(NamedTuple):
    """One source partition."""

    cell: str
    topic: str
    partition: int


class Bounds(NamedTuple):
    """A partition's log: its first offset that is still there, and the one behind its last."""

    start: int
    end: int


@dataclass(frozen=True)
class SourceReport:
    """What became of one source partition. Gaps have both ends included; `gaps` names the first hundred."""

    place: Place
    first: int
    next: int
    totals: Mapping[str, int]
    gap_count: int
    gap_offsets: int
    gaps: tuple[tuple[int, int], ...]
    repeats: int
    uncompared: int
    different: Mapping[tuple[str, str], int]
    conflicts: Mapping[tuple[str, str], int]
    pending: int | None  # None: this source's log is not here to be compared with
    beyond: int  # offsets accounted behind the end of the log: the topic was made anew, or the receipts are not its own
    malformed: int
    skipped: tuple[int, ...] = ()  # among the dead letters: those that nobody has read

    @property
    def accounted(self) -> int:
        """Different offsets that ended."""
        return sum(self.totals.values())

    @property
    def ok(self) -> bool:
        """Whether nothing is missing, contradictory or impossible."""
        return not (self.gap_count or self.conflicts or self.beyond or self.malformed)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a program."""
        return {
            "cell": self.place.cell,
            "topic": self.place.topic,
            "partition": self.place.partition,
            "first": self.first,
            "next": self.next,
            "accounted": self.accounted,
            "totals": dict(self.totals),
            "gaps": {"count": self.gap_count, "offsets": self.gap_offsets, "first": [list(gap) for gap in self.gaps]},
            "repeats": self.repeats,
            "uncompared_repeats": self.uncompared,
            "ended_differently": {f"{a}->{b}": number for (a, b), number in self.different.items()},
            "conflicts": {f"{a}->{b}": number for (a, b), number in self.conflicts.items()},
            "pending": self.pending,
            "beyond_end": self.beyond,
            "malformed": self.malformed,
            "skipped": list(self.skipped),
            "ok": self.ok,
        }


@dataclass(frozen=True)
class Report:
    """What became of all source partitions. `unreadable` receipts could not be decoded: their offsets show as gaps."""

    sources: tuple[SourceReport, ...]
    receipts: int
    unreadable: int

    @property
    def ok(self) -> bool:
        """Whether every offset is accounted for, once."""
        return not self.unreadable and all(source.ok for source in self.sources)

    @property
    def totals(self) -> dict[str, int]:
        """Offsets by disposition, over all sources."""
        total: Counter[str] = Counter()
        for source in self.sources:
            total.update(source.totals)
        return {ending.value: total[ending.value] for ending in _ENDINGS if total[ending.value]}

    @property
    def pending(self) -> int:
        """Offsets behind which no receipt has come yet."""
        return sum(source.pending or 0 for source in self.sources)

    @property
    def skipped(self) -> int:
        """Offsets that workers were told to go past: accounted for, and not processed."""
        return sum(len(source.skipped) for source in self.sources)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a program."""
        return {
            "ok": self.ok,
            "receipts": self.receipts,
            "unreadable": self.unreadable,
            "accounted": sum(source.accounted for source in self.sources),
            "pending": self.pending,
            "gaps": sum(source.gap_count for source in self.sources),
            "repeats": sum(source.repeats for source in self.sources),
            "skipped": self.skipped,
            "conflicts": sum(sum(source.conflicts.values()) for source in self.sources),
            "totals": self.totals,
            "sources": [source.as_json() for source in self.sources],
        }


@dataclass
class _Source:
    pages: Pages
    lowest: int | None = None
    highest: int = -1
    totals: Counter[int] = field(default_factory=Counter)
    repeats: int = 0
    uncompared: int = 0
    different: Counter[tuple[int, int]] = field(default_factory=Counter)
    malformed: int = 0
    skipped: set[int] = field(default_factory=set)  # one for each decision of a person: few

    def take(self, run: Run) -> None:
        size = run.last - run.first + 1
        if run.first < 0 or size < 1 or size > LONGEST_RUN:
            self.malformed += 1
            return
        ending = _NUMBER[run.disposition]
        self.lowest = run.first if self.lowest is None else min(self.lowest, run.first)
        self.highest = max(self.highest, run.last)
        before, unknown = self.pages.write(run.first, run.last, ending)
        repeated = sum(before.values()) + unknown
        self.totals[ending] += size - repeated
        self.repeats += repeated
        self.uncompared += unknown
        for noted, number in before.items():
            if noted != ending:
                self.different[noted, ending] += number


class Accounting:
    """Adds receipts up, in the order of their log, by source partition. Memory is bounded (see `Pages`).

    `kept` is how many complete pages of 65,536 offsets are kept for comparison with repeats, a source partition.
    """

    def __init__(self, kept: int = 4_096) -> None:
        self._kept = kept
        self._sources: dict[Place, _Source] = {}
        self._receipts = 0
        self._unreadable = 0

    @property
    def places(self) -> set[Place]:
        """The source partitions that receipts were seen of."""
        return set(self._sources)

    def add(self, receipt: Receipt) -> None:
        """Take the next receipt of the log."""
        self._receipts += 1
        place = Place(receipt.cell, receipt.topic, receipt.partition)
        source = self._sources.get(place)
        if source is None:
            source = self._sources[place] = _Source(Pages(kept=self._kept))
        for run in receipt.runs:
            source.take(run)
        source.skipped.update(receipt.skipped)

    def add_unreadable(self) -> None:
        """Note a record on the topic of receipts that is none."""
        self._unreadable += 1

    def report(self, logs: Mapping[Place, Bounds], from_zero: frozenset[Place] | None = None) -> Report:
        """What became of every offset.

        `logs` holds the bounds of the source logs, read after the receipts were; a source in it without any receipt
        is pending as a whole. `from_zero` names the sources whose receipts reach back to the beginning: for these,
        accounting begins at offset 0. None means all.
        """
        reports = []
        for place in sorted({*self._sources, *logs}):
            begins_at_zero = from_zero is None or place in from_zero
            reports.append(self._report(place, logs.get(place), begins_at_zero))
        return Report(tuple(reports), self._receipts, self._unreadable)

    def _report(self, place: Place, log: Bounds | None, from_zero: bool) -> SourceReport:
        source = self._sources.get(place) or _Source(Pages())
        if source.lowest is None:  # no receipt yet: what is still in the log is pending
            first = log.start if log else 0
            past = first
        else:
            first = 0 if from_zero else min(source.lowest, log.start if log else source.lowest)
            past = source.highest + 1
        holes = source.pages.holes(first, past - 1) if past > first else iter(())
        named = tuple(islice(holes, NAMED_GAPS))
        count, offsets = len(named), sum(high - low + 1 for low, high in named)
        for low, high in holes:
            count, offsets = count + 1, offsets + high - low + 1
        conflicts, different = _sort_out(source.different)
        return SourceReport(
            place=place,
            first=first,
            next=past,
            totals={ending.value: source.totals[n] for ending, n in _NUMBER.items() if source.totals[n]},
            gap_count=count,
            gap_offsets=offsets,
            gaps=named,
            repeats=source.repeats,
            uncompared=source.uncompared,
            different=different,
            conflicts=conflicts,
            pending=None if log is None else max(0, log.end - past),
            beyond=0 if log is None else max(0, past - log.end) if source.lowest is not None else 0,
            malformed=source.malformed,
            skipped=tuple(sorted(source.skipped)),
        )


def _sort_out(
    pairs: Mapping[tuple[int, int], int],
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Part the pairs (first, later) into those that the first excludes, and the others."""
    conflicts: dict[tuple[str, str], int] = {}
    different: dict[tuple[str, str], int] = {}
    for (first, later), number in sorted(pairs.items()):
        pair = _ENDINGS[first - 1], _ENDINGS[later - 1]
        names = pair[0].value, pair[1].value
        (conflicts if _excludes(*pair) else different)[names] = number
    return conflicts, different


def _excludes(first: Disposition, later: Disposition) -> bool:
    if (first, later) == (Disposition.ABSENT, Disposition.LOST):
        return False  # a hole, and later below the log's start
    if Disposition.ABSENT in (first, later) or first is Disposition.LOST:
        return True
    return (first, later) == (Disposition.NOT_STORED, Disposition.STORED)
