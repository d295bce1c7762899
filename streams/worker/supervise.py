"""Runs N worker processes: one a core, scaled by partitions. A worker that dies is started again, with a pause."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from streams.errors import ConfigurationError, DependencyError

__all__ = ["Supervisor", "worker_command"]

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.5, 15.0, 30.0


class _Child:
    def __init__(self, index: int) -> None:
        self.index = index
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = FIRST_PAUSE
        self.due = 0.0


class Supervisor:
    """Starts `count` processes of `command(index)`, keeps them running, and stops them cleanly.

    A child that ends with 2 (wrong settings) will not get better by itself: all are stopped and 2 is raised on.
    SIGTERM and SIGINT are passed on as SIGTERM; children have `grace` seconds to deliver what they took.
    """

    def __init__(self, count: int, command: Callable[[int], Sequence[str]], grace: float = 45.0) -> None:
        self._children = [_Child(index) for index in range(count)]
        self._command = command
        self._grace = grace
        self._stopping = False

    def run(self) -> int:
        """Supervise until told to stop; 0 when all stopped cleanly, 1 when one had to be killed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            while not self._stopping:
                for child in self._children:
                    self._look_after(child)
                time.sleep(0.1)
        finally:
            clean = self._end_all()
        return 0 if clean else 1

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after(self, child: _Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.due:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        child.process = None
        if code == ConfigurationError.exit_code:
            raise _WrongSettings(f"worker {child.index} refused to start (exit code 2); see its message above")
        ran = time.monotonic() - child.started
        child.pause = FIRST_PAUSE if ran > STEADY_SECONDS else min(child.pause * 2, LONGEST_PAUSE)
        child.due = time.monotonic() + child.pause
        log.warning(
            "worker %d %s after %.0f s; starting it again in %.1f s", child.index, ended(code), ran, child.pause
        )

    def _start(self, child: _Child) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which then ends its children.
        child.process = subprocess.Popen(list(self._command(child.index)), start_new_session=True)  # noqa: S603
        child.started = time.monotonic()
        log.info("worker %d started, process %d", child.index, child.process.pid)

    def _end_all(self) -> bool:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        clean = True
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("process %d did not stop within %.0f s and is killed", process.pid, self._grace)
                process.kill()
                process.wait()
                clean = False
        return clean


class _WrongSettings(ConfigurationError):
    """A child refused its settings."""


def ended(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    if code == DependencyError.exit_code:
        return "stopped because a dependency is unavailable"
    return f"ended with exit code {code}"


def worker_command(index: int, config: str | None) -> list[str]:
    """The command line of worker `index` under this interpreter."""
    chosen = ["--config", config] if config else []
    return [sys.executable, "-m", "streams", *chosen, "worker", "--index", str(index), "--supervisor", str(os.getpid())]
