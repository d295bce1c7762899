"""Tables of what was made once and is found again. A full one is emptied, so that its memory is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["REMEMBERED", "Bounded", "Remembered"]

K = TypeVar("K")
V = TypeVar("V")
REMEMBERED = 65_536  # entries


class Bounded(dict[K, V]):
    """Put things in by `keep` alone; it holds `most`."""

    def __init__(self, most: int = REMEMBERED) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Put in a value, and give it back."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value


class Remembered(Bounded[K, V]):
    """`table[key]` makes what is not there. What `make` raises goes through, and nothing is kept then."""

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V:
        return self.keep(key, self._make(key))
