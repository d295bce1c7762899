"""One scan for all detectors and many texts: texts are joined by a character that no pattern can cross.

Hyperscan does the scanning and lets go of the interpreter lock; each thread has a scratch of its own.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import hyperscan

from streams.detect.compiled import compiled, database
from streams.detect.detector import Pattern
from streams.detect.text import Text
from streams.errors import PolicyError

__all__ = ["Scanner"]

SEPARATOR = "\x00"
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
    """A database of some patterns. Each thread has a scratch of its own."""

    def __init__(self, wanted: Mapping[str, Sequence[Pattern]], context: bool) -> None:
        self._names: list[tuple[str, int]] = []
        expressions: list[bytes] = []
        for detector, patterns in wanted.items():
            for index, pattern in enumerate(patterns):
                if pattern.context == context:
                    self._names.append((detector, index))
                    expressions.append(pattern.expression.encode())
        self._context = context
        self.detectors = frozenset(detector for detector, _ in self._names)
        self._database = database(expressions) if expressions else None
        self._local = threading.local()

    def scan(self, texts: Sequence[Text]) -> None:
        batch: list[Text] = []
        size = 0
        for text in texts:
            batch.append(text)
            size += len(text.view)
            if size > SCAN_BYTES:
                self._scan(batch)
                batch, size = [], 0
        if batch:
            self._scan(batch)

    def _scan(self, texts: Sequence[Text]) -> None:
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
            self._share_out(texts, found, data if len(data) != len(joined) else None)

    def _share_out(self, texts: Sequence[Text], found: list[tuple[int, int]], data: bytes | None) -> None:
        starts, start = [], 0
        for text in texts:
            starts.append(start)
            start += (len(text.view) if data is None else len(text.view.encode())) + 1
        found.sort()
        places = _Places(data)
        for end, pattern in found:
            index = bisect_right(starts, end - 1) - 1
            detector, number = self._names[pattern]
            place = places.between(starts[index], end)
            hits = texts[index].hits
            if self._context and detector not in hits:
                continue
            hits.setdefault(detector, []).append((number, place))

    def _scratch(self) -> hyperscan.Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        return scratch


class _Places:
    """Byte offsets to character offsets, walking forwards; without data they are the same (all ASCII)."""

    def __init__(self, data: bytes | None) -> None:
        self._data = data
        self._start = -1
        self._byte = 0
        self._char = 0

    def between(self, start: int, end: int) -> int:
        """Characters from the byte `start` to the byte `end`. Ends come in ascending order."""
        if self._data is None:
            return end - start
        if start != self._start:
            self._start, self._byte, self._char = start, start, 0
        self._char += len(self._data[self._byte : end].decode())
        self._byte = end
        return self._char
