"""Whom a drain signals: supervisors before their workers, and nobody who is not the process that the page means."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streams.cli.draining import Drained, NotHere, drain, targets
from streams.doctor.working import WorkerPage
from streams.errors import ConfigurationError
from streams.kafka.embedded import free_port
from streams.settings import Settings, parse
from streams.worker.process import ProcessId, identify

SECONDS = 20.0


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends by SIGTERM, or when the test is over."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process
        if process.poll() is None:
            process.kill()


def known(pid: int) -> ProcessId:
    found = identify(pid)
    assert found is not None
    return found


@pytest.fixture
def served() -> Iterator[tuple[Settings, dict[str, Any]]]:
    """A port on which a worker's page tells what the test puts into it."""
    told: dict[str, Any] = {}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(told).encode() if self.path == "/process" else b""
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield parse({"STREAMS_WORKER__HTTP_PORT": str(server.server_address[1])}), told
        server.shutdown()
        thread.join()


def test_a_process_is_known_by_more_than_its_number() -> None:
    mine = known(os.getpid())
    assert mine == identify()
    assert known(os.getppid()) != mine
    assert identify(2**22 + 1) is None


def test_a_supervisor_is_signalled_in_place_of_its_workers_and_a_lone_worker_itself() -> None:
    mine, parent = known(os.getpid()), known(os.getppid())
    supervised = [WorkerPage(number, "u", mine, parent) for number in range(2)]
    assert targets(supervised) == [parent]
    assert targets([WorkerPage(0, "u", mine, None)]) == [mine]
    assert targets(supervised, pid=mine.pid) == [parent], "a worker that is named is ended with its like"


def test_nobody_to_drain_is_said_and_a_wrong_number_is_told_the_right_ones() -> None:
    with pytest.raises(NotHere, match="no worker answers") as nobody:
        targets([])
    assert nobody.value.exit_code == 3
    with pytest.raises(ConfigurationError, match=f"no supervisor of one: {os.getpid()}"):
        targets([WorkerPage(0, "u", known(os.getpid()), None)], pid=1)


@pytest.mark.parametrize("changed", [{"boot": "another machine"}, {"started": 1}])
def test_the_same_number_on_another_machine_or_at_another_time_is_not_signalled(
    changed: dict[str, Any], sleeper: subprocess.Popen[bytes], served: tuple[Settings, dict[str, Any]]
) -> None:
    settings, told = served
    told |= {"process": known(sleeper.pid)._replace(**changed), "supervisor": None}
    with pytest.raises(NotHere, match="no process of this machine or container"):
        drain(settings, None, SECONDS, lambda now: None)
    assert sleeper.poll() is None


def test_what_the_page_means_is_ended_by_sigterm_and_waited_for(
    sleeper: subprocess.Popen[bytes], served: tuple[Settings, dict[str, Any]]
) -> None:
    settings, told = served
    told |= {"process": known(sleeper.pid), "supervisor": None}
    assert drain(settings, None, SECONDS, lambda now: None).running == ()
    assert sleeper.wait(SECONDS) == -signal.SIGTERM


def test_one_that_does_not_end_in_time_is_told_and_not_killed(served: tuple[Settings, dict[str, Any]]) -> None:
    deaf = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
    settings, told = served
    seen: list[Drained] = []
    with subprocess.Popen([sys.executable, "-c", deaf], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told |= {"process": known(process.pid), "supervisor": None}
        left = drain(settings, None, 0.1, seen.append)
        assert process.poll() is None
        process.kill()
    assert left.running == (process.pid,)
    assert seen[-1] == left


def test_a_page_of_something_else_is_no_worker(served: tuple[Settings, dict[str, Any]]) -> None:
    settings, told = served
    told["process"] = "mine"
    with pytest.raises(NotHere, match="no worker answers"):
        drain(settings, None, SECONDS, lambda now: None)
    with pytest.raises(NotHere, match="no worker answers"):
        drain(parse({"STREAMS_WORKER__HTTP_PORT": str(free_port())}), None, SECONDS, lambda now: None)
