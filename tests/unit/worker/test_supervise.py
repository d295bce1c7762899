"""The supervisor keeps its children running, passes a stop on, and gives up on wrong settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 20.0
_SUPERVISE = """
import sys
from streams.errors import ConfigurationError
from streams.worker.supervise import Supervisor
script, count = sys.argv[1], int(sys.argv[2])
try:
    sys.exit(Supervisor(count, lambda index: [sys.executable, "-c", script, str(index)], float(sys.argv[3])).run())
except ConfigurationError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
_CHILD = """
import os, signal, sys, pathlib, time
folder = pathlib.Path(os.environ["FOLDER"])
def stop(number, frame):
    (folder / f"stopped-{os.getpid()}").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(folder / f"child-{sys.argv[1]}-{os.getpid()}").touch()
while True:
    time.sleep(0.05)
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def supervise(folder: Path, script: str, count: int = 2, grace: float = 10.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, script, str(count), str(grace)],
        env={**os.environ, "FOLDER": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )


def children(folder: Path, index: int) -> list[int]:
    return [int(path.name.rsplit("-", 1)[1]) for path in folder.glob(f"child-{index}-*")]


def test_one_that_is_killed_is_started_again_and_a_stop_reaches_all(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, _CHILD)
    until(lambda: bool(children(tmp_path, 0) and children(tmp_path, 1)))
    (first,) = children(tmp_path, 0)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(children(tmp_path, 0)) == 2)
    (again,) = set(children(tmp_path, 0)) - {first}
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=SECONDS)
    assert supervisor.returncode == 0
    assert "was ended by SIGKILL" in said
    stopped = {int(path.name.rsplit("-", 1)[1]) for path in tmp_path.glob("stopped-*")}
    assert stopped == {again, *children(tmp_path, 1)}


def test_wrong_settings_end_it_with_2_and_no_second_try(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, f"import sys; exec({_CHILD!r}) if sys.argv[1] == '1' else sys.exit(2)")
    _, said = supervisor.communicate(timeout=SECONDS)
    assert supervisor.returncode == 2
    assert "worker 0 refused to start" in said
    assert [path for path in tmp_path.glob("child-1-*") if _runs(int(path.name.rsplit("-", 1)[1]))] == []


def test_one_that_does_not_stop_is_killed_and_said_so(tmp_path: Path) -> None:
    deaf = _CHILD.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    supervisor = supervise(tmp_path, deaf, count=1, grace=0.3)
    until(lambda: bool(children(tmp_path, 0)))
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=SECONDS)
    assert (supervisor.returncode, "did not stop" in said) == (1, True)
    assert not _runs(children(tmp_path, 0)[0])


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
