"""How millions of offsets ended, in bounded memory: one byte an offset, in pages that fold and squeeze."""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator

__all__ = ["PAGE", "Pages"]

PAGE = 65_536  # offsets a page
_STRETCH = re.compile(rb"(.)\1*", re.DOTALL)
_HOLES = re.compile(rb"\x00+")


class Pages:
    """A byte for each offset: 0 for "not accounted", else the ending that was noted first.

    A page that holds one byte only is one number; at most `hot` pages lie open in memory, the others are squeezed.
    Complete pages beyond the newest `kept` are settled: known to be complete, their bytes forgotten. So memory is
    bounded by `hot`, `kept` and the pages that still have holes.
    """

    def __init__(self, hot: int = 32, kept: int = 4_096) -> None:
        self._hot_limit = hot
        self._kept = kept
        self._hot: OrderedDict[int, bytearray] = OrderedDict()
        self._cold: dict[int, bytes] = {}
        self._uniform: dict[int, int] = {}
        self._complete: OrderedDict[int, None] = OrderedDict()  # in the order in which they became complete
        self._settled: set[int] = set()

    def write(self, first: int, last: int, ending: int) -> tuple[dict[int, int], int]:
        """Note that offsets `first` to `last` (included) ended as `ending`, where nothing was noted before.

        Returns how many had been noted before, by what was noted, and how many lie in settled pages, where nobody
        knows any more.
        """
        before: dict[int, int] = {}
        unknown = 0
        for number in range(first // PAGE, last // PAGE + 1):
            low = max(first, number * PAGE) - number * PAGE
            high = min(last, number * PAGE + PAGE - 1) - number * PAGE + 1
            if number in self._settled:
                unknown += high - low
            else:
                self._write_page(number, low, high, ending, before)
        return before, unknown

    def _write_page(self, number: int, low: int, high: int, ending: int, before: dict[int, int]) -> None:
        known = self._uniform.get(number)
        if known is not None:
            before[known] = before.get(known, 0) + high - low
            return
        if high - low == PAGE and number not in self._hot and number not in self._cold:
            self._uniform[number] = ending
            self._settle(number)
            return
        page = self._open(number)
        part = bytes(page[low:high])
        if not part.strip(b"\0"):
            page[low:high] = bytes((ending,)) * (high - low)
        else:
            for stretch in _STRETCH.finditer(part):
                noted, size = stretch.group()[0], stretch.end() - stretch.start()
                if noted:
                    before[noted] = before.get(noted, 0) + size
                else:
                    page[low + stretch.start() : low + stretch.end()] = bytes((ending,)) * size
        if 0 not in page:
            self._fold(number, page)

    def _open(self, number: int) -> bytearray:
        page = self._hot.get(number)
        if page is None:
            squeezed = self._cold.pop(number, None)
            page = bytearray(zlib.decompress(squeezed)) if squeezed else bytearray(PAGE)
            self._hot[number] = page
            if len(self._hot) > self._hot_limit:
                oldest, its = self._hot.popitem(last=False)
                self._cold[oldest] = zlib.compress(bytes(its), 1)
        self._hot.move_to_end(number)
        return page

    def _fold(self, number: int, page: bytearray) -> None:
        if page.count(page[0]) == PAGE:
            self._uniform[number] = page[0]
            del self._hot[number]
        self._settle(number)

    def _settle(self, number: int) -> None:
        if number in self._complete:
            return
        self._complete[number] = None
        if len(self._complete) > self._kept:
            old, _ = self._complete.popitem(last=False)
            self._settled.add(old)
            for place in (self._hot, self._cold, self._uniform):
                place.pop(old, None)

    def holes(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Stretches (both ends included) of `first` to `last` of which nothing was noted, in ascending order."""
        open_low = open_high = -1
        for low, high in self._pieces(first, last):
            if low == open_high + 1 and open_low >= 0:
                open_high = high
                continue
            if open_low >= 0:
                yield open_low, open_high
            open_low, open_high = low, high
        if open_low >= 0:
            yield open_low, open_high

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Holes cut at page borders."""
        at = first
        for number in sorted({*self._hot, *self._cold, *self._uniform, *self._settled}):
            start, end = number * PAGE, number * PAGE + PAGE - 1
            if end < first:
                continue
            if start > last:
                break
            if start > at:
                yield at, start - 1
            for low, high in self._page_holes(number):
                if low <= last and high >= first:
                    yield max(low, first), min(high, last)
            at = end + 1
        if at <= last:
            yield at, last

    def _page_holes(self, number: int) -> Iterator[tuple[int, int]]:
        if number in self._uniform or number in self._settled:
            return
        page = bytes(self._hot[number]) if number in self._hot else zlib.decompress(self._cold[number])
        for hole in _HOLES.finditer(page):
            yield number * PAGE + hole.start(), number * PAGE + hole.end() - 1
