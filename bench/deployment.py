"""A deployment to measure: a real Kafka, vault and janitor as processes, in a folder that is removed at the end."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from streams.client import Client
from streams.demo.processes import Processes, fetch
from streams.demo.show import start_keys
from streams.kafka.admin import apply
from streams.lifecycle.receipts import Report, check_receipts
from streams.metrics import samples
from streams.model import StorageMode
from streams.settings import Settings, parse
from tests.kafka_server import KafkaServer

__all__ = ["Deployment", "Numbers", "deploy", "deploy_on", "pause", "processor", "send", "settle"]

START_SECONDS = 60.0
QUIET_SECONDS = 240.0
FLUSH_EVERY = 5_000
FLUSH_BYTES = 8 << 20
WORKERS = 8  # at most, each with a port of its own
PORTS = (12_000, 30_000)
_READ = {
    "streams_records_total": "ended",
    "process_cpu_seconds_total": "cpu",
    "streams_lag_records": "lag",
    "process_resident_memory_bytes": "memory",
    "streams_key_wraps_total": "wraps",
}


class Numbers(NamedTuple):
    """What a worker's metrics say at a time (seconds, monotonic).

    Offsets ended, its CPU seconds, its lag in records, its resident memory in bytes, and halves of keys wrapped.
    """

    at: float
    ended: int
    cpu: float
    lag: int
    memory: int
    wraps: int


class Deployment(NamedTuple):
    """What runs: settings, processes (to start workers by), the environment that they have."""

    settings: Settings
    processes: Processes
    environment: Mapping[str, str]

    def worker(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `streams worker`, and wait until it is ready."""
        process = self.processes.start("worker", *arguments)
        self.processes.until_served(self.page(0, "readyz"), START_SECONDS, "the worker's start")
        return process

    def page(self, index: int, name: str = "metrics") -> str:
        """The address of a worker's page."""
        return f"http://127.0.0.1:{self.settings.worker.http_port + index}/{name}"

    def numbers(self, index: int = 0) -> Numbers | None:
        """What worker `index` says now; None when it does not answer."""
        status, text = fetch(self.page(index))
        if status != 200:
            return None
        found = dict.fromkeys(_READ.values(), 0.0)
        for name, _, value in samples(text):
            if name in _READ:
                found[_READ[name]] += value
        cpu = found.pop("cpu")
        return Numbers(at=time.monotonic(), cpu=cpu, **{name: int(value) for name, value in found.items()})


@contextmanager
def deploy(
    partitions: int, accounts: Mapping[str, StorageMode], extra: Mapping[str, str] | None = None
) -> Iterator[Deployment]:
    """A real Kafka and all that stands on it."""
    with TemporaryDirectory(prefix="streams-bench-") as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        with KafkaServer(folder / "kafka") as kafka:
            more = {"STREAMS_TOPICS__PARTITIONS": str(partitions), **(extra or {})}
            with deploy_on(kafka.bootstrap, folder, accounts, more) as deployment:
                yield deployment


@contextmanager
def deploy_on(
    bootstrap: str, folder: Path, accounts: Mapping[str, StorageMode], extra: Mapping[str, str]
) -> Iterator[Deployment]:
    """Topics, vault, janitor and accounts on a broker that runs; all processes end with the block."""
    ports = _free_ports(WORKERS + 1)
    environment = {
        "STREAMS_CELL": "bench",
        "STREAMS_KAFKA__BOOTSTRAP": bootstrap,
        "STREAMS_VAULT__DIRECTORY": str(folder / "vault"),
        "STREAMS_WORKER__HTTP_PORT": str(ports),
        "STREAMS_JANITOR__HTTP_PORT": str(ports + WORKERS),
        **extra,
    }
    settings = parse(environment)
    apply(settings)
    with Processes(environment, folder / "logs") as processes:
        start_keys(processes, settings, accounts)
        yield Deployment(settings, processes, environment)


def _free_ports(count: int) -> int:
    """The first of some free ports in a row, below those that the system gives to connections."""
    first = random.randrange(*PORTS)
    return first if all(map(_is_free, range(first, first + count))) else _free_ports(count)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def send(
    deployment: Deployment, fields: Iterable[Mapping[str, Any]], told: Callable[[int], None] | None = None
) -> tuple[int, dict[str, int]]:
    """Send events through the SDK as fast as Kafka takes them; how many it took, and how many were dropped, by why."""
    with Client(
        deployment.settings.kafka.bootstrap, application="bench", prefix=deployment.settings.topics.prefix
    ) as client:
        client.wait_ready(START_SECONDS)
        held = 0
        for number, event in enumerate(fields, 1):
            client.record(**event)
            held += len(event.get("prompt", ""))
            if number % FLUSH_EVERY == 0 or held > FLUSH_BYTES:
                client.flush(START_SECONDS)
                held = 0
                if told is not None:
                    told(number)
        client.flush(START_SECONDS)
        statistics = client.statistics
    return statistics.sent, dict(statistics.dropped)


def settle(deployment: Deployment) -> Report:
    """The receipts' report once nothing is pending any more, or does not become less for long."""
    deadline, best = time.monotonic() + QUIET_SECONDS, 1 << 60
    while True:
        deployment.processes.check()
        report = check_receipts(deployment.settings)
        if not report.pending or time.monotonic() > deadline:
            return report
        if report.pending < best:
            best, deadline = report.pending, time.monotonic() + QUIET_SECONDS
        pause()


def processor() -> str:
    """The processor and the number of its cores, for a report."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{found[1] if found else 'unknown processor'}, {os.cpu_count()} cores"


def pause() -> None:
    """A while between two looks at a worker, each of which costs it some milliseconds."""
    time.sleep(0.5)
