"""Workers and janitor by their pages on this machine."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from streams.demo.processes import fetch
from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.metrics import samples
from streams.settings import Settings
from streams.worker.process import ProcessId

__all__ = ["WorkerPage", "check_janitor", "check_workers", "page", "total", "worker_pages"]

MOST_WORKERS = 64
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not listened on
LATE_ROUNDS = 6


def address(host: str, port: int) -> str:
    """Where a page of this machine is reached."""
    return f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}"


def page(url: str) -> tuple[int, str]:
    """Status and text of a page; 0 where nothing answers, or something that speaks no HTTP."""
    try:
        return fetch(url)
    except (http.client.HTTPException, ValueError):
        return 0, ""


def total(text: str, name: str) -> float:
    """The sum of a metric over its labels."""
    return sum(value for found, _, value in samples(text) if found == name)


class WorkerPage(NamedTuple):
    """A worker that answers on this machine: its number among its like, and which process it says it is.

    `supervisor` is who starts it again. A process is None where the worker's system does not tell.
    """

    number: int
    url: str
    process: ProcessId | None
    supervisor: ProcessId | None

    @property
    def pid(self) -> int | None:
        """The worker's number, if it knows it."""
        return self.process.pid if self.process else None

    @property
    def supervisor_pid(self) -> int | None:
        """Its supervisor's, if it has one."""
        return self.supervisor.pid if self.supervisor else None


def worker_pages(settings: Settings) -> Iterator[WorkerPage]:
    """Every worker that has a page here: N of them listen on N ports, and a gap may be one that is being restarted."""
    host, first = settings.worker.http_host, settings.worker.http_port
    for index in range(MOST_WORKERS if first else 0):
        url = address(host, first + index)
        status, text = page(f"{url}/process") if first + index < 65_536 else (0, "")
        if status == 200 and (told := _processes(text)) is not None:
            yield WorkerPage(index, url, *told)


def _processes(text: str) -> tuple[ProcessId | None, ProcessId | None] | None:
    """What the page of a worker tells; None for a page of something else."""
    try:
        told = json.loads(text)
        return _process(told["process"]), _process(told["supervisor"])
    except (ValueError, TypeError, KeyError):
        return None


def _process(told: Any) -> ProcessId | None:
    if told is None:
        return None
    boot, pid, started = told
    return ProcessId(str(boot), int(pid), int(started))


def check_workers(settings: Settings) -> list[Remark]:
    """Every worker that has a page here: alive, ready, and what it owns."""
    host, first = settings.worker.http_host, settings.worker.http_port
    if not first:
        return [not_checked("worker.http_port is 0: each worker takes a free port, which nobody else knows")]
    found = [_worker(one) for one in worker_pages(settings)]
    if found:
        return found
    where = f"{address(host, first)} and the {MOST_WORKERS - 1} ports after it"
    remedy = "streams worker; on a machine without one: --without workers"
    return [wrong("no worker runs on this machine", where, remedy)]


def _worker(one: WorkerPage) -> Remark:
    for name, told in (("livez", "is not getting on"), ("readyz", "is not ready")):
        status, why = page(f"{one.url}/{name}")
        if status != 200:
            return wrong(f"worker {one.number} {told}: {why.strip() or 'no answer'}", one.url, "its log tells more")
    _, text = page(f"{one.url}/metrics")
    owned, ended = total(text, "streams_assigned_partitions"), total(text, "streams_records_total")
    told = f"worker {one.number} is ready, owns {owned:.0f} partitions, ended {ended:.0f}"
    if not owned:
        remedy = "fewer workers, or more partitions (topics.partitions)"
        return warning(f"{told}: idle", one.url, remedy)
    return ok(told, one.url)


def check_janitor(settings: Settings) -> list[Remark]:
    """Its page: alive, no step failed in the last round, and the round is not long past."""
    if not settings.janitor.http_port:
        return [not_checked("janitor.http_port is 0: it takes a free port, which nobody else knows")]
    url = address(settings.janitor.http_host, settings.janitor.http_port)
    status, text = page(f"{url}/metrics")
    if status != 200:
        return [wrong("no janitor answers", url, "streams janitor; on a machine without one: --without janitor")]
    for name in ("livez", "readyz"):
        status, why = page(f"{url}/{name}")
        if status != 200:
            return [wrong(why.strip() or "no answer", f"{url}/{name}", "its log tells more; streams janitor --once")]
    age = time.time() - total(text, "streams_janitor_last_round_timestamp_seconds")
    if age > LATE_ROUNDS * settings.janitor.interval + 60:
        return [wrong(f"its last good round was {age:.0f} s ago", url, "its log tells more; streams janitor --once")]
    return [ok(f"its last round went well {max(0.0, age):.0f} s ago", url)]
