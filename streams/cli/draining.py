"""Takes the workers of this machine out of service: finds them by their pages, ends them by a signal, and watches.

By signal and not by a page that is posted to: the kernel checks who may send one, and a page on loopback would have to
tell an operator from any other user or any page in a browser. The page only tells which process it is, and who it is
is compared before the signal: in another container, or later, the same number is somebody else.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import monotonic
from typing import NamedTuple

from streams.doctor.working import WorkerPage, page, total, worker_pages
from streams.errors import ConfigurationError, DependencyError
from streams.settings import Settings
from streams.worker.process import ProcessId, identify

__all__ = ["Drained", "NotHere", "drain", "targets"]

LOOK_SECONDS = 0.5


class NotHere(DependencyError):
    """No worker that could be drained from here."""


class Drained(NamedTuple):
    """What is drained at a time: the processes that still run, and what their workers have left."""

    running: tuple[int, ...]
    batches: int
    partitions: int


def targets(found: Iterable[WorkerPage], pid: int | None = None) -> list[ProcessId]:
    """Whom to signal: supervisors, which would start a worker again that ends alone, and workers without one."""
    pages = list(found)
    if not pages:
        raise NotHere("no worker answers on this machine: nothing to drain. Is worker.http_port right?")
    chosen = {one.supervisor or one.process for one in pages if pid in (None, one.pid, one.supervisor_pid)}
    if not chosen:
        known = sorted({number for one in pages for number in (one.pid, one.supervisor_pid) if number})
        raise ConfigurationError(f"--pid {pid}: no worker here, and no supervisor of one: {', '.join(map(str, known))}")
    for one in chosen:
        if one is None or identify(one.pid) != one:
            raise NotHere(
                "a worker answers that is no process of this machine or container: run `streams worker drain` where it "
                "runs, or stop its container, which sends SIGTERM as well"
            )
    return sorted(one for one in chosen if one is not None)


def drain(settings: Settings, pid: int | None, seconds: float, told: Callable[[Drained], None]) -> Drained:
    """Signal and wait; what is left after `seconds` at most. Nothing is killed."""
    deadline = monotonic() + seconds
    with ExitStack() as stack:
        running = {_open(one, stack): one.pid for one in targets(worker_pages(settings), pid)}
        for descriptor, number in running.items():
            _end(descriptor, number)
        poll = select.poll()
        for descriptor in running:
            poll.register(descriptor, select.POLLIN)
        while running:
            now = _look(settings, running.values())
            told(now)
            if monotonic() > deadline:
                return now
            for descriptor, _ in poll.poll(LOOK_SECONDS * 1000):
                poll.unregister(descriptor)
                del running[descriptor]
    return Drained((), 0, 0)


def _open(one: ProcessId, stack: ExitStack) -> int:
    """Hold on to a process: the descriptor means it, and nobody who gets its number later."""
    try:
        descriptor = os.pidfd_open(one.pid)
    except OSError as error:
        raise NotHere(f"process {one.pid} cannot be reached: {error.strerror}") from None
    stack.callback(os.close, descriptor)
    if identify(one.pid) != one:
        raise NotHere(f"process {one.pid} has just ended by itself")
    return descriptor


def _end(descriptor: int, pid: int) -> None:
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    except PermissionError:
        raise NotHere(f"process {pid} belongs to another user: drain as that user, or as root") from None


def _look(settings: Settings, running: Iterable[int]) -> Drained:
    left = tuple(sorted(running))
    pages = [one for one in worker_pages(settings) if (one.supervisor_pid or one.pid) in left] if left else []
    texts = [page(f"{one.url}/metrics")[1] for one in pages]
    batches = sum(total(text, "streams_in_flight_batches") for text in texts)
    partitions = sum(total(text, "streams_assigned_partitions") for text in texts)
    return Drained(left, int(batches), int(partitions))
