"""For the tests of applications: a client that keeps what it was handed instead of sending it.

>>> client = RecordingClient()
>>> client.record(account="acme", prompt="hello", completion="good day") is not None
True
>>> [event.meta.kind.value for event in client.events]
['exchange']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from types import TracebackType
from typing import Never, Self, Unpack

from streams.client.config import Connection, Limits
from streams.client.core import Core, Options
from streams.client.events import Draft, EventFields
from streams.client.report import ErrorCallback, Problem
from streams.client.surface import Surface
from streams.model import Account, StorageMode

__all__ = ["RecordingClient"]


class RecordingClient(Surface):
    """Checks events exactly as `Client` does, needs no Kafka, and keeps them in `events`, and problems in `problems`.

    `modes` are the storage modes that `mode()` answers. Each of `events` has `meta` and `content`. `flush` and `close`
    return True, as with a broker that takes everything; an event behind `close()` is dropped as `closed`.
    """

    def __init__(
        self,
        modes: Mapping[str, StorageMode] | None = None,
        *,
        application: str | None = None,
        accounts: Iterable[str] | None = None,
        on_error: ErrorCallback | None = None,
        limits: Limits | None = None,
        region: str | None = None,
    ) -> None:
        self.events: list[Draft] = []
        self.problems: list[Problem] = []
        self._on_error = on_error
        options = Options(
            connection=Connection(),
            application=application,
            region=region,
            accounts=accounts,
            on_error=self._keep_problem,
            limits=limits or Limits(),
        )
        self._core = Core(options, lambda: None)
        for account, mode in (modes or {}).items():
            self._core.following.put(Account(account=account, mode=mode))
        self._core.following.caught_up(monotonic())

    def _keep_problem(self, problem: Problem) -> None:
        self.problems.append(problem)
        if self._on_error is not None:
            self._on_error(problem)

    def record(self, *unexpected: Never, **fields: Unpack[EventFields]) -> str | None:
        """As `Client.record`; what is accepted is in `events` at once."""
        event_id = super().record(*unexpected, **fields)
        for taken in self._core.buffer.take(1_000, self._core.limits.max_bytes):
            self._core.sent(taken)
            self.events.append(taken)
        self._core.tell_problems()
        return event_id

    def flush(self, timeout: float | None = 10.0) -> bool:
        """Nothing is ever left to send."""
        return True

    def close(self, timeout: float = 10.0) -> bool:
        """From here on events are dropped."""
        self._core.closed = True
        return True

    def wait_ready(self, timeout: float) -> bool:
        """Modes are known from the beginning."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
