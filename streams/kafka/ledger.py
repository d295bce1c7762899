"""Which batches were taken and which of them have landed: what may be committed. Pure; knows nothing of Kafka clients.

A partition's batches stand in line in the order they were taken. The commit moves over the head of the line while it
has landed, so acknowledgements may come in any order. An acknowledgement belongs to one batch of one assignment: one
that arrives after the partition was taken away (and perhaps given back, with the same offsets again) is stale and moves
nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable

__all__ = ["Entry", "Ledger"]


class Entry:
    """One batch in line. `next_offset` is what is committed once it and all before it have landed."""

    __slots__ = ("landed", "next_offset", "place")

    def __init__(self, place: Hashable, next_offset: int) -> None:
        self.place = place
        self.next_offset = next_offset
        self.landed = False


class Ledger:
    """The lines of all partitions."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[Entry]] = defaultdict(deque)
        self._ready: dict[Hashable, int] = {}

    def take(self, place: Hashable, next_offset: int) -> Entry:
        """Put a batch in line."""
        entry = Entry(place, next_offset)
        self._lines[place].append(entry)
        return entry

    def land(self, entry: Entry) -> bool:
        """Acknowledge a batch. False when its partition was taken away since: nothing moves."""
        line = self._lines.get(entry.place)
        if line is None or entry.landed or entry not in line:
            return False
        entry.landed = True
        while line and line[0].landed:
            self._ready[entry.place] = line.popleft().next_offset
        return True

    def ready(self) -> dict[Hashable, int]:
        """The offset to commit, by partition: everything below it has landed."""
        return dict(self._ready)

    def waiting(self, places: Iterable[Hashable] | None = None) -> int:
        """Batches in line that have not been passed by the commit."""
        chosen = self._lines if places is None else [place for place in places if place in self._lines]
        return sum(len(self._lines[place]) for place in chosen)

    def forget(self, places: Iterable[Hashable]) -> None:
        """Drop the lines of partitions that were taken away or sought anew."""
        for place in places:
            self._lines.pop(place, None)
            self._ready.pop(place, None)
