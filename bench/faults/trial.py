"""One trial: a deployment under a steady load, workers to be ill-treated, and the verdict at its end."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.deployment import Deployment, deploy_on, pause, settle
from bench.roles import QUIET, STANDARD, quiet
from streams.codec.framing import HEADER
from streams.codec.records import decode_dead_letter, decode_tagged, decode_violation
from streams.codec.schemas import versions
from streams.demo.processes import Processes, until
from streams.demo.proof import prove
from streams.errors import DependencyError
from streams.kafka.admin import committed_offsets
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.scan import canary
from streams.model import AREAS, StorageMode

__all__ = ["Trial", "Verdict", "trial"]

START_SECONDS = 90.0
RECOVERY_SECONDS = 120.0
ENVIRONMENT = {
    "STREAMS_WORKER__SESSION_TIMEOUT": "6",
    "STREAMS_WORKER__DELIVERY_TIMEOUT": "10",
    "STREAMS_WORKER__STALL_SECONDS": "300",
    "STREAMS_JANITOR__INTERVAL": "1",
    "STREAMS_TOPICS__PARTITIONS": "4",
}


class Verdict(NamedTuple):
    """What became of a trial's events. `faults` is empty when every promise held; it names each that did not.

    Repeats are outputs that came more than once, all recognised by their ids.
    """

    events: int
    totals: Mapping[str, int]
    repeats: int
    violations: int
    recoveries: list[float]
    faults: list[str]

    @property
    def repeats_per_million(self) -> float:
        """Repeats for a million events."""
        return self.repeats / max(1, self.events) * 1e6


class Trial:
    """What a scenario acts on."""

    def __init__(self, deployment: Deployment, folder: Path, seed: int) -> None:
        self.deployment = deployment
        self.folder = folder
        self.choose = random.Random(seed)
        self.recoveries: list[float] = []
        self._token = canary()
        self._control = canary()
        self._sending: subprocess.Popen[bytes] | None = None
        self._number = 0

    @property
    def processes(self) -> Processes:
        """What runs."""
        return self.deployment.processes

    def load(self, number: int, rate: float) -> None:
        """Begin to send; every fourth event is of an account that may not be stored, and holds a canary."""
        self._number = number
        command = [sys.executable, "-m", "bench.roles", "load", str(number), str(rate), self._token]
        environment = {**os.environ, **self.deployment.environment}
        self._sending = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    @property
    def sending(self) -> bool:
        """Whether the load goes on."""
        return self._sending is not None and self._sending.poll() is None

    def workers(self, count: int) -> int:
        """Start a supervisor of workers, and wait until all are ready; its process id."""
        supervisor = self.deployment.worker("--workers", str(count))
        for index in range(1, count):
            self.ready(index)
        return supervisor.pid

    def victims(self, supervisor: int) -> list[int]:
        """The worker processes that a supervisor keeps."""
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="utf-8")
        return [int(part) for part in children.split()]

    def ready(self, index: int) -> None:
        """Wait until a worker is ready."""
        self.processes.until_served(self.deployment.page(index, "readyz"), START_SECONDS, "the worker's start")

    def wait(self, seconds: float) -> None:
        """Let a moment go by, up to so long."""
        time.sleep(self.choose.uniform(0, seconds))

    def committed(self) -> dict[tuple[str, int], int]:
        """What the workers' group has committed, by partition of `intake`."""
        found = committed_offsets(self.deployment.settings, [self.topic("intake")])
        group = self.deployment.settings.worker.group
        return {(place[0], place[1]): groups[group] for place, groups in found.items() if group in groups}

    def ends(self) -> dict[tuple[str, int], int]:
        """The ends of all partitions of `intake`."""
        with Reader(self.deployment.settings.kafka) as reader:
            return {place: end for place, (_, end) in reader.bounds([self.topic("intake")]).items()}

    def recover(self, since: float, ends: Mapping[tuple[str, int], int]) -> None:
        """Wait until all that was there at a fault is committed, and note how long after the fault that was."""
        until(lambda: self.has_committed(ends), RECOVERY_SECONDS, "a commit of all that was there", lambda: None)
        self.recoveries.append(time.monotonic() - since)

    def has_committed(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether the workers have committed so far."""
        pause()
        try:
            now = self.committed()
        except DependencyError:
            return False
        return all(now.get(place, 0) >= end for place, end in ends.items())

    def topic(self, short: str) -> str:
        """The full name of a topic."""
        return topic_name(self.deployment.settings.topics, short)

    def log(self, name: str) -> str:
        """What processes of a name have logged."""
        return (self.folder / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def dead_letters(self) -> set[str]:
        """The codes of all dead letters."""
        with Reader(self.deployment.settings.kafka) as reader:
            records = reader.read([self.topic("dead-letter")])
            return {decode_dead_letter(record.value or b"").code.value for record in records}

    def versions(self, short: str, record: str) -> set[int]:
        """The schema versions of a record that lie on a topic."""
        known = {schema.header: schema.version for schema in versions()[record]}
        with Reader(self.deployment.settings.kafka) as reader:
            return {known[(one.value or b"")[:HEADER]] for one in reader.read([self.topic(short)])}

    def finish(
        self,
        expected: Callable[[Mapping[str, int], int], list[str]] | None = None,
        resent: bool = False,
    ) -> Verdict:
        """Let the sender end and everything settle; then look for what must not be.

        `expected` says what is wrong with the totals of the dispositions, for scenarios that do not store everything.
        `resent`: the sender may have had to give events to Kafka twice, with the same ids.
        """
        faults = self._sent()
        report = settle(self.deployment)
        totals = report.totals
        if not report.ok or report.pending:
            told = report.as_json()
            faults.append(f"receipts: {told['gaps']} gaps, {told['conflicts']} conflicts, {report.pending} pending")
        faults += (expected or (_all_judged_or_more if resent else _all_judged))(totals, self._number)
        stored = totals.get("stored", 0)
        repeats, violations, wrong = self._outputs(stored, _stored(self._number) if resent else stored)
        (self.folder / "control").write_bytes(base64.b64encode(self._control.encode()))
        proof = prove(self.deployment.settings, self.folder, [self._token], [self._control])
        if proof.found_canaries:
            faults.append("content of an account that may not be stored was found")
        if not proof.found_controls:
            faults.append("the search for canaries does not find what is there")
        return Verdict(self._number, totals, repeats, violations, self.recoveries, faults + wrong)

    def _sent(self) -> list[str]:
        assert self._sending is not None
        output, _ = self._sending.communicate(timeout=600)
        told = json.loads(output.splitlines()[-1])
        whole = told["sent"] == self._number and not told["dropped"]
        return [] if whole else [f"the sender says {told}, of {self._number}"]

    def _outputs(self, stored: int, events: int) -> tuple[int, int, list[str]]:
        """Repeats, violations, and what is wrong with the outputs of so many stored records with so many event ids."""
        tagged: Counter[tuple[str, int, int]] = Counter()
        ids: set[str] = set()
        violations: Counter[str] = Counter()
        faults: list[str] = []
        areas = [self.topic(f"violations.{area.value}") for area in AREAS]
        with Reader(self.deployment.settings.kafka) as reader:
            for record in reader.read([self.topic("tagged"), *areas]):
                if record.topic in areas:
                    violations[decode_violation(record.value or b"").violation_id] += 1
                    continue
                outcome = decode_tagged(record.value or b"")
                source, signal_ = outcome.source, outcome.signal
                tagged[source.topic, source.partition, source.offset] += 1
                assert signal_ is not None
                ids.add(signal_.meta.event_id)
                if signal_.meta.account == QUIET:
                    faults.append("an event of an account that may not be stored is on `tagged`")
        if (len(tagged), len(ids)) != (stored, events):
            faults.append(f"tagged has {len(tagged)} events ({len(ids)} ids), should be {stored} ({events})")
        repeats = sum(tagged.values()) - len(ids) + sum(violations.values()) - len(violations)
        return repeats, len(violations), faults


def _all_judged(totals: Mapping[str, int], number: int) -> list[str]:
    """Every event was stored or, of the quiet account, judged and not stored; no other ending."""
    right = _right(number)
    return [] if dict(totals) == right else [f"ended as {dict(totals)}, should be {right}"]


def _all_judged_or_more(totals: Mapping[str, int], number: int) -> list[str]:
    """The same, where events may have come twice."""
    right = _right(number)
    enough = set(totals) == set(right) and all(totals[ending] >= count for ending, count in right.items())
    return [] if enough else [f"ended as {dict(totals)}, should be {right} or more"]


def _right(number: int) -> dict[str, int]:
    return {"stored": _stored(number), "not_stored": number - _stored(number)}


def _stored(number: int) -> int:
    return number - sum(map(quiet, range(number)))


@contextmanager
def trial(bootstrap: str, folder: Path, extra: Mapping[str, str] | None = None, seed: int = 7) -> Iterator[Trial]:
    """A deployment on a broker that runs. Everything ends with the block."""
    accounts = {STANDARD: StorageMode.STANDARD, QUIET: StorageMode.NO_STORAGE}
    with deploy_on(bootstrap, folder, accounts, {**ENVIRONMENT, **(extra or {})}) as deployment:
        made = Trial(deployment, folder, seed)
        try:
            yield made
        finally:
            if made._sending is not None and made._sending.poll() is None:
                made._sending.send_signal(signal.SIGKILL)
                made._sending.wait()
