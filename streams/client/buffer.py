"""The bounded buffer between the model call and the broker. Memory only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from math import inf
from threading import RLock

from streams.client.config import Limits
from streams.client.events import Draft

__all__ = ["Buffer", "Waiter"]


class Waiter:
    """One flush: `done` is called once, when every event up to `target` was acknowledged or dropped."""

    def __init__(self, target: int, left: int, done: Callable[[], object]) -> None:
        self.target = target
        self.left = left
        self.done = done
        if left == 0:
            done()


class Buffer:
    """Events that wait, and events on their way; both count against the ceilings until the broker has them.

    Safe for threads. The lock is re-entrant, because the garbage collector may run an application's code, and with it
    `record()`, inside any of these methods.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = RLock()
        self._waiting: deque[Draft] = deque()
        self._again: list[tuple[int, Draft]] = []  # a heap
        self._waiters: list[Waiter] = []
        self._places = 0
        self.bytes = 0
        self.flying_bytes = 0
        self.flying = 0

    def __len__(self) -> int:
        return self.waiting + self.flying

    @property
    def waiting(self) -> int:
        """Events that are not on their way."""
        return len(self._again) + len(self._waiting)

    def offer(self, draft: Draft) -> bool:
        """Take a new event, unless that would go over a ceiling."""
        with self._lock:
            if len(self) >= self._limits.max_events or self.bytes + draft.size > self._limits.max_bytes:
                return False
            self._places += 1
            draft.place = self._places
            self.bytes += draft.size
            self._waiting.append(draft)
            return True

    def take(self, events: int, size: int) -> list[Draft]:
        """The oldest events, at most `events` and about `size` bytes of them (but at least one)."""
        taken: list[Draft] = []
        with self._lock:
            while len(taken) < events and size > 0 and (draft := self._pop()) is not None:
                size -= draft.size
                taken.append(draft)
        return taken

    def take_older(self, moment: float) -> list[Draft]:
        """The waiting events that were recorded before `moment`."""
        taken: list[Draft] = []
        with self._lock:
            while (draft := self._pop(moment)) is not None:
                taken.append(draft)
        return taken

    def _pop(self, before: float = inf) -> Draft | None:
        """The first in order. Events that came back are always older than those that were never taken."""
        first = self._again[0][1] if self._again else self._waiting[0] if self._waiting else None
        if first is None or first.recorded_at >= before:
            return None
        if self._again:
            heappop(self._again)
        else:
            self._waiting.popleft()
        self.flying_bytes += first.size
        self.flying += 1
        return first

    def put_back(self, drafts: Iterable[Draft]) -> None:
        """Let events that were taken wait again, in their order and before all that came later."""
        with self._lock:
            for draft in drafts:
                self.flying_bytes -= draft.size
                self.flying -= 1
                heappush(self._again, (draft.place, draft))

    def end(self, draft: Draft) -> None:
        """An event that was taken is acknowledged or dropped: its memory is free."""
        with self._lock:
            self.flying_bytes -= draft.size
            self.flying -= 1
            self.bytes -= draft.size
            for waiter in self._waiters:
                if draft.place <= waiter.target:
                    waiter.left -= 1
                    if waiter.left == 0:
                        waiter.done()

    def watch(self, done: Callable[[], object]) -> Waiter:
        """A waiter for the events that are here now. `done` may be called from any thread, or at once."""
        with self._lock:
            waiter = Waiter(self._places, len(self), done)
            self._waiters.append(waiter)
            return waiter

    def unwatch(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        with self._lock:
            self._waiters.remove(waiter)

    def clear(self) -> int:
        """Forget everything, events on their way too. The number of events that were here."""
        with self._lock:
            held = len(self)
            self._waiting.clear()
            self._again.clear()
            self.bytes = self.flying = self.flying_bytes = 0
            return held
