"""One scan for all detectors and many texts: texts are joined by a character that no pattern can cross.

Hyperscan does the scanning and lets go of the interpreter lock; each thread has a scratch of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import NamedTuple

import hyperscan

from streams.detect.compiled import compiled, database
from streams.detect.detector import Pattern
from streams.detect.guards import Guarded, guarded
from streams.detect.text import Text
from streams.errors import PolicyError

__all__ = ["Scanner"]

SEPARATOR = "\x00"
JOINED = 100  # strings of guards in one expression
_GUARD = ""  # in place of a detector's name
_BY_PLACE = itemgetter(1, 0)
SCAN_BYTES = 4 << 20  # texts are joined up to about so many bytes a call


class Scanner:
    """The compiled patterns of all detectors, in two stages: what is rare first, its context where that matched."""

    def __init__(self, wanted: Mapping[str, Sequence[Pattern]]) -> None:
        try:
            # Compiling lets go of the interpreter lock.
            with ThreadPoolExecutor(2) as pool:
                self._first, self._second = pool.map(lambda context: _Stage(wanted, context), (False, True))
        except hyperscan.error as error:
            raise PolicyError(f"a pattern cannot be compiled: {self._culprit(wanted) or error}") from None

    def scan(self, texts: Sequence[Text]) -> None:
        """Fill in the hits of every text. Those of one pattern come in the order of their places."""
        self._first.scan(texts)
        more = self._second.detectors
        if more:
            self._second.scan([text for text in texts if not more.isdisjoint(text.hits)])

    def _culprit(self, wanted: Mapping[str, Sequence[Pattern]]) -> str | None:
        """The first pattern that does not compile by itself; patterns are our own data, so it may be shown."""
        for detector, patterns in wanted.items():
            for pattern in patterns:
                try:
                    compiled([pattern.expression.encode()])
                except hyperscan.error as error:
                    return f"{detector}: {pattern.name}: {pattern.expression!r}: {error}"
        return None


class _Stage:
    """Some patterns: at once those that cost little, and behind guards those that cost much."""

    def __init__(self, wanted: Mapping[str, Sequence[Pattern]], context: bool) -> None:
        quick: list[_Named] = []
        behind: list[_Named] = []
        guards: set[str] = set()
        for detector, patterns in wanted.items():
            for index, pattern in enumerate(patterns):
                if pattern.context != context:
                    continue
                guard = pattern.composed and not context  # in a text with a hit, context is mostly there as well
                parted = guarded(pattern.expression) if guard else Guarded(pattern.expression, None)
                quick += [_Named(detector, index, text) for text in (parted.open,) if text is not None]
                behind += [_Named(detector, index, text) for text in (parted.behind,) if text is not None]
                guards |= parted.guard
        self.detectors = frozenset(named.detector for named in quick + behind)
        quick += [_Named(_GUARD, 0, text) for text in _joined(sorted(guards))]
        self._quick = _Database(quick, _Beside(wanted, quick) if context else None)
        self._behind = _Database(behind)  # none of them is context

    def scan(self, texts: Sequence[Text]) -> None:
        held = self._quick.scan(texts)
        if held:
            self._behind.scan(held)
            for text in held:
                # Two parts of one pattern may match at one place, which is one hit.
                text.hits = {name: sorted(set(hits), key=_BY_PLACE) for name, hits in text.hits.items()}


class _Beside:
    """Which context expressions count in a text, by what matched there first: about one match of ten does."""

    def __init__(self, wanted: Mapping[str, Sequence[Pattern]], named: Sequence[_Named]) -> None:
        self._counting: dict[tuple[str, int], frozenset[int]] = {}
        for detector, patterns in wanted.items():
            beside = {place: patterns[one.number].beside for place, one in enumerate(named) if one.detector == detector}
            for number, pattern in enumerate(patterns):
                if not pattern.context:
                    counting = (place for place, names in beside.items() if not names or pattern.name in names)
                    self._counting[detector, number] = frozenset(counting)

    def of(self, text: Text) -> frozenset[int]:
        """The places of the expressions."""
        first = {(detector, number) for detector, hits in text.hits.items() for number, _ in hits}
        return frozenset().union(*[self._counting[one] for one in first if one in self._counting])


class _Named(NamedTuple):
    """An expression, and whose it is: the place of its pattern within its detector."""

    detector: str
    number: int
    expression: str


def _joined(strings: Sequence[str]) -> list[str]:
    some = (strings[start : start + JOINED] for start in range(0, len(strings), JOINED))
    return [f"(?:{'|'.join(map(re.escape, few))})" for few in some]


class _Database:
    """Compiled expressions; those `beside` others count where those matched. Each thread has a scratch of its own."""

    def __init__(self, named: Sequence[_Named], beside: _Beside | None = None) -> None:
        self._named = [(one.detector, one.number) for one in named]
        self._beside = beside
        self._database = database([one.expression.encode() for one in named]) if named else None
        self._local = threading.local()

    def scan(self, texts: Sequence[Text]) -> list[Text]:
        """Add the hits to texts; those that hold a guard's string, each once."""
        held: dict[int, Text] = {}
        batch: list[Text] = []
        size = 0
        for text in texts:
            batch.append(text)
            size += len(text.view)
            if size > SCAN_BYTES:
                self._scan(batch, held)
                batch, size = [], 0
        if batch:
            self._scan(batch, held)
        return list(held.values())

    def _scan(self, texts: Sequence[Text], held: dict[int, Text]) -> None:
        if self._database is None:
            return
        joined = SEPARATOR.join([text.view for text in texts])
        data = joined.encode()
        found: list[tuple[int, int]] = []
        append = found.append

        def hit(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            append((end, pattern))

        self._database.scan(data, match_event_handler=hit, scratch=self._scratch())
        if found:
            self._share_out(texts, found, data if len(data) != len(joined) else None, held)

    def _share_out(
        self, texts: Sequence[Text], found: list[tuple[int, int]], data: bytes | None, held: dict[int, Text]
    ) -> None:
        found.sort()
        places = None if data is None else _Places(data)
        beside = self._beside
        counting: frozenset[int] | None = None
        rest = iter(texts)
        # Of the text that hits are in now: itself, its bytes from start to behind.
        text, start, behind = texts[0], 0, -1
        for end, pattern in found:
            while end > behind:
                text, start = next(rest), behind + 1
                behind = start + (len(text.view) if data is None else len(text.view.encode()))
                counting = None
            if beside is not None:
                if counting is None:
                    counting = beside.of(text)
                if pattern not in counting:
                    continue
            detector, number = self._named[pattern]
            hits = text.hits.get(detector)
            if hits is None:
                if detector == _GUARD:
                    held[id(text)] = text
                    continue
                hits = text.hits[detector] = []
            hits.append((number, end - start if places is None else places.between(start, end)))

    def _scratch(self) -> hyperscan.Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        return scratch


class _Places:
    """Byte offsets to character offsets, walking forwards. Of ASCII they are the same, and nobody asks."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._start = -1
        self._byte = 0
        self._char = 0

    def between(self, start: int, end: int) -> int:
        """Characters from the byte `start` to the byte `end`. Ends come in ascending order."""
        if start != self._start:
            self._start, self._byte, self._char = start, start, 0
        self._char += len(self._data[self._byte : end].decode())
        self._byte = end
        return self._char
