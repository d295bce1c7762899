"""The processes of a demonstration: started with logs in its folder, waited for by condition, ended by id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from streams.errors import DependencyError

__all__ = ["Processes", "fetch", "until"]

STOP_SECONDS = 20.0


def fetch(url: str, timeout: float = 2.0) -> tuple[int, str]:
    """Status and text of a loopback page; status 0 when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - addresses that we made
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(condition: Callable[[], bool], seconds: float, what: str, check: Callable[[], None]) -> None:
    """Wait for a condition; `DependencyError` naming what was waited for when it does not come in time.

    `check` raises when waiting has become pointless.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        check()
        if time.monotonic() > deadline:
            raise DependencyError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


class Processes:
    """`streams …` subprocesses with one environment; leaving the context ends them in reverse order."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Processes:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def start(
        self, *arguments: str, extra: Mapping[str, str] | None = None, module: str = "streams"
    ) -> subprocess.Popen[bytes]:
        """Start `streams ARGUMENTS` (or another module with them), its output in a log file of its own.

        `extra` is added to its environment.
        """
        name = arguments[0]
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", module, *arguments],
                env={**self._environment, **(extra or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((name, process))
        return process

    def until_served(self, url: str, seconds: float, what: str) -> None:
        """Wait until a page answers with 200."""
        until(lambda: fetch(url)[0] == 200, seconds, what, self.check)

    @property
    def running(self) -> list[tuple[str, subprocess.Popen[bytes]]]:
        """What was started and not ended on purpose, by the first word of its arguments."""
        return list(self._running)

    def end(self, process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
        """End one on purpose; its exit code. It is not watched any more."""
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        finally:
            self._running = [(name, one) for name, one in self._running if one is not process]

    def check(self) -> None:
        """Raise `DependencyError` with the log's place when a process has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                last = (self._logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
                said = "\n  ".join(last)
                raise DependencyError(f"`streams {name}` ended with exit code {process.returncode}; it said:\n  {said}")
