"""The demonstration from start to end: processes, accounts, traffic, picture, proof."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from streams.client import Client
from streams.demo.processes import Processes, fetch, until
from streams.demo.proof import Proof, prove
from streams.demo.screen import Picture, read
from streams.demo.traffic import ACCOUNTS, BROKEN, plain_event, samples
from streams.errors import ComplianceError, ConfigurationError
from streams.kafka.admin import apply
from streams.kafka.embedded import EmbeddedBroker, free_port
from streams.kafka.reading import Publisher
from streams.kafka.topics import topic_name
from streams.lifecycle.accounts import Change, open_registry
from streams.lifecycle.scan import canary
from streams.model import StorageMode
from streams.settings import Settings, parse

__all__ = ["MARK", "Demo", "Plan", "Ready", "prepare", "show", "start_keys"]

MARK = ".compliance-streams-demo"
READY_SECONDS = 45.0
DRAIN_SECONDS = 20.0
PARTITIONS = 4
TELL_SECONDS = 0.5
RATE_SECONDS = 2.0
CANARIES = 6


class Plan(NamedTuple):
    """Where, how long (seconds) and how fast (events a second)."""

    folder: Path
    seconds: float
    rate: float


class Ready(NamedTuple):
    """What can be looked at while it runs: environment for other commands, address of the metrics."""

    environment: dict[str, str]
    metrics: str


class Demo(NamedTuple):
    """What was shown: the last picture, records sent, events a second on the average, the proof."""

    picture: Picture
    sent: int
    rate: float
    proof: Proof


Tell = Callable[[Picture, int, float, float], None]


@contextmanager
def show(plan: Plan, stage: Callable[[str], None], ready: Callable[[Ready], None], tell: Tell) -> Iterator[Demo]:
    """Run it. Yields once everything is proven, with all processes still running; leaving ends them.

    `stage` is told what is being started, `ready` where to look, `tell` picture, records sent, rate and seconds left.
    """
    prepare(plan.folder)
    stage("starting the embedded broker")
    with EmbeddedBroker(log=plan.folder / "broker.log") as broker:
        environment = _environment(plan.folder, broker.bootstrap)
        settings = parse(environment)
        with Processes(environment, plan.folder / "logs") as processes:
            _start(processes, settings, stage)
            metrics = f"http://127.0.0.1:{settings.worker.http_port}/metrics"
            ready(Ready(environment, metrics))
            traffic = _Traffic(settings, plan)
            begun = time.monotonic()
            with traffic:
                picture = _watch(processes, traffic, plan, metrics, tell)
            rate = picture.total / (time.monotonic() - begun)
            stage("checking receipts, and searching everything for canaries")
            proof = prove(settings, plan.folder, traffic.canaries, traffic.controls)
            yield Demo(picture, traffic.sent, rate, proof)


def prepare(folder: Path) -> None:
    """Start from nothing; a folder that is not a demonstration's is never touched."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise ConfigurationError(f"{folder} is not empty and not a demo's folder: choose another with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _environment(folder: Path, bootstrap: str) -> dict[str, str]:
    return {
        "STREAMS_CELL": "demo",
        "STREAMS_KAFKA__BOOTSTRAP": bootstrap,
        "STREAMS_TOPICS__PARTITIONS": str(PARTITIONS),
        "STREAMS_VAULT__DIRECTORY": str((folder / "vault").resolve()),
        "STREAMS_WORKER__HTTP_PORT": str(free_port()),
        "STREAMS_JANITOR__HTTP_PORT": str(free_port()),
        "STREAMS_JANITOR__INTERVAL": "2",
    }


def _start(processes: Processes, settings: Settings, stage: Callable[[str], None]) -> None:
    stage("creating topics")
    apply(settings)
    stage("starting vault and janitor")
    start_keys(processes, settings, {name: StorageMode(mode) for name, mode in ACCOUNTS.items()})
    stage("starting the worker")
    processes.start("worker")
    address = f"http://127.0.0.1:{settings.worker.http_port}/readyz"
    processes.until_served(address, READY_SECONDS, "the worker's start")


def start_keys(processes: Processes, settings: Settings, accounts: Mapping[str, StorageMode]) -> None:
    """Start vault and janitor, and set accounts: all that an application needs."""
    processes.start("vault", "serve")
    control = settings.vault.directory / "control.sock"
    until(control.exists, READY_SECONDS, "the vault's start", processes.check)
    processes.start("janitor")
    with open_registry(settings) as registry:
        for name, mode in accounts.items():
            registry.set(name, Change(mode=mode))


class _Traffic:
    """Sends in a thread of its own until its time is over: through the SDK, and by hand what no SDK would send."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._settings = settings
        self._plan = plan
        self._client = Client(settings.kafka.bootstrap, application="demo")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-traffic", daemon=True)
        self._by_hand = 0
        self.failed: ComplianceError | None = None
        self.canaries = [canary() for _ in range(CANARIES)]
        self.controls = [canary() for _ in range(CANARIES)]

    @property
    def sent(self) -> int:
        """Records that Kafka has taken."""
        return self._client.statistics.sent + self._by_hand

    def __enter__(self) -> _Traffic:
        self._client.wait_ready(READY_SECONDS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(DRAIN_SECONDS)
        self._client.close()

    @property
    def done(self) -> bool:
        """Whether all was sent and taken."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._send_special()
            self._send_samples()
            self._client.flush(DRAIN_SECONDS)
        except ComplianceError as error:
            self.failed = error

    def _send_special(self) -> None:
        """Canaries of the accounts that store nothing; controls of another, in the clear; broken records; a breach."""
        for number, token in enumerate(self.canaries):
            account = ("clinic-notes", "law-firm-edge")[number % 2]
            self._client.record(prompt=f"Please remember the word {token}.", account=account)
        with Publisher(self._settings.kafka) as publisher:
            topic = topic_name(self._settings.topics, "intake.plain")
            clear = [(b"bakery-helper#0", plain_event("bakery-helper", f"A note: {token}")) for token in self.controls]
            broken = [(b"broken", data) for _, data in BROKEN]
            breach = [(b"clinic-notes#0", plain_event("clinic-notes", "Sent in the clear against the agreement."))]
            self._by_hand += len(publisher.publish(topic, [*clear, *broken, *breach]))

    def _send_samples(self) -> None:
        accounts = cycle(ACCOUNTS)
        begun = time.monotonic()
        for number, sample in enumerate(samples()):
            behind = begun + number / self._plan.rate - time.monotonic()
            if behind > 0 and self._stop.wait(behind):
                return
            if self._stop.is_set() or time.monotonic() - begun > self._plan.seconds:
                return
            self._client.record(account=next(accounts), conversation=f"talk-{number % 50}", **sample.fields())


def _watch(processes: Processes, traffic: _Traffic, plan: Plan, metrics: str, tell: Tell) -> Picture:
    """Show how it goes, until everything that was sent has ended."""
    begun = time.monotonic()
    last, before, rate = begun, 0, 0.0
    deadline = begun + plan.seconds + DRAIN_SECONDS
    while True:
        processes.check()
        if traffic.failed is not None:
            raise traffic.failed
        picture = read(fetch(metrics)[1])
        now = time.monotonic()
        if now - last > RATE_SECONDS:
            rate, before, last = (picture.total - before) / (now - last), picture.total, now
        tell(picture, traffic.sent, rate, begun + plan.seconds - now)
        if (traffic.done and picture.total >= traffic.sent and not picture.lag) or now > deadline:
            return picture
        time.sleep(TELL_SECONDS)
