"""The synchronous client: `record()` in the application's threads, delivery in the background."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterable
from time import monotonic
from types import TracebackType
from typing import Self

from streams.client.config import Connection, Limits
from streams.client.core import Core, Options
from streams.client.report import ErrorCallback, Reason
from streams.client.surface import Surface
from streams.client.threads import FollowLoop, SendLoop
from streams.kafka.clients import kafka_python_arguments

__all__ = ["Client"]

EXIT_SECONDS = 5.0


class Client(Surface):
    """Sends events from a synchronous application. One a process; safe for threads; a context manager.

    Construction raises `SettingsError` for a connection that cannot work, and does not wait for the broker. Behind it
    nothing raises: problems go to `on_error` (called in the background thread, so it should be quick) and to
    `statistics`. Nothing is ever written to disk, so what is not acknowledged when the process ends is lost: call
    `close()`, or leave it to the exit handler, which takes about five seconds at most. A child that the process forks
    gets an empty buffer, a producer id and threads of its own; the parent keeps and sends what it recorded before.
    """

    def __init__(
        self,
        connection: Connection | str | None = None,
        *,
        application: str | None = None,
        accounts: Iterable[str] | None = None,
        on_error: ErrorCallback | None = None,
        limits: Limits | None = None,
        prefix: str = "compliance.",
        region: str | None = None,
    ) -> None:
        self._options = Options(
            connection=connected(connection),
            prefix=prefix,
            application=application,
            region=region,
            accounts=None if accounts is None else frozenset(accounts),
            on_error=on_error,
            limits=limits or Limits(),
        )
        self._begin()
        self._start()
        _clients.add(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._woken = threading.Event()
        self._core = Core(self._options, self._wake)
        self._sending: SendLoop | None = None
        self._following: FollowLoop | None = None

    def _wake(self) -> None:
        if self._sending is None and not self._core.closed:
            self._start()
        if not self._woken.is_set():
            self._woken.set()

    def _start(self) -> None:
        with self._lock:
            if self._sending is not None:
                return
            sending, following = SendLoop(self._core, self._woken), FollowLoop(self._core, self._woken)
            sending.on_connected = self._exit_first
            try:
                sending.start()
                following.start()
            except RuntimeError:  # no more threads: events wait in the buffer, and the next call tries again
                sending.stop()
                self._core.count_error(Reason.INTERNAL)
                return
            self._sending, self._following = sending, following
            self._exit_first()

    def _exit_first(self) -> None:
        """Be the first of the exit handlers: the Kafka library's own would close the connection before the flush."""
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)

    def _at_exit(self) -> None:
        self.close(EXIT_SECONDS)

    def flush(self, timeout: float | None = 10.0) -> bool:
        """Wait until the broker has, or the client has dropped, all that was recorded before this call.

        True when that came to pass within `timeout` seconds (None: without end). Called by `on_error` it does not wait,
        because it is the sending thread that calls.
        """
        if self._sending is not None and self._sending.is_current():
            return len(self._core.buffer) == 0
        done = threading.Event()
        waiter = self._core.buffer.watch(done.set)
        try:
            if self._sending is not None:
                self._sending.hurry()
            return done.wait(timeout)
        finally:
            self._core.buffer.unwatch(waiter)

    def close(self, timeout: float = 10.0) -> bool:
        """Send what is left, for at most about `timeout` seconds, and end. True when nothing was left behind.

        What is left behind is dropped and counted as `undelivered`. Calling it again does nothing.
        """
        with self._lock:
            if self._core.closed:
                return len(self._core.buffer) == 0
            self._core.closed = True
        deadline = monotonic() + timeout
        delivered = self.flush(timeout)
        for loop in (self._sending, self._following):
            if loop is not None:
                loop.stop()
        for loop in (self._sending, self._following):
            if loop is not None:
                loop.join(max(1.0, deadline - monotonic()))
        atexit.unregister(self._at_exit)
        self._core.abandon()
        return delivered

    def wait_ready(self, timeout: float) -> bool:
        """Wait until modes and keys are known. For scripts and tests: an application just records."""
        return self._following is not None and self._following.wait_ready(timeout)

    def _after_fork(self) -> None:
        """In a forked child: threads are gone and locks may be held for ever. Begin anew, and touch nothing shared."""
        if self._sending is not None:
            self._sending.disown()
        if self._following is not None:
            self._following.disown()
        _left_behind.append((self._core, self._sending, self._following))
        atexit.unregister(self._at_exit)
        closed = self._core.closed
        self._begin()
        self._core.closed = closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connected(connection: Connection | str | None) -> Connection:
    """A connection from what a client was given: itself, an address, or nothing for the environment's."""
    if connection is None:
        connection = Connection.from_environment()
    found = Connection(connection) if isinstance(connection, str) else connection
    kafka_python_arguments(found)  # raises when its files cannot be used
    return found


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_left_behind: list[object] = []  # what a forked child must not finalise: its sockets are the parent's, too


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
