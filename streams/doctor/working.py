"""Workers and janitor by their pages on this machine."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator

from streams.demo.processes import fetch
from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.metrics import samples
from streams.settings import Settings

__all__ = ["check_janitor", "check_workers"]

MOST_WORKERS = 64
OURS = "streams_last_poll_timestamp_seconds"
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


def check_workers(settings: Settings) -> list[Remark]:
    """Every worker that has a page here: alive, ready, and what it owns."""
    host, first = settings.worker.http_host, settings.worker.http_port
    if not first:
        return [not_checked("worker.http_port is 0: each worker takes a free port, which nobody else knows")]
    ports = [port for port in range(first, min(first + MOST_WORKERS, 65_536)) if port != settings.janitor.http_port]
    found = [remark for port in ports for remark in _worker(address(host, port), port - first)]
    if found:
        return found
    where = f"{address(host, first)} and the {len(ports) - 1} ports after it"
    return [
        wrong("no worker runs on this machine", where, "streams worker; on a machine without one: --without workers")
    ]


def _worker(url: str, index: int) -> Iterator[Remark]:
    status, text = page(f"{url}/metrics")
    if status != 200 or OURS not in text:
        return
    for name, told in (("livez", "is not getting on"), ("readyz", "is not ready")):
        status, why = page(f"{url}/{name}")
        if status != 200:
            yield wrong(f"worker {index} {told}: {why.strip() or 'no answer'}", url, "its log tells more")
            return
    owned = total(text, "streams_assigned_partitions")
    told = f"worker {index} is ready, owns {owned:.0f} partitions, ended {total(text, 'streams_records_total'):.0f}"
    if not owned:
        yield warning(f"{told}: idle", url, "fewer workers, or more partitions (topics.partitions)")
    else:
        yield ok(told, url)


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
