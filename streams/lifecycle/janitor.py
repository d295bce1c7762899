"""The janitor: the process that makes time pass. Ends keys, publishes public ones, purges, checks drift.

A round is a list of steps. Each stands alone: a step that fails is counted, named and tried again in the next round,
and the others go on. Every step is idempotent and reads anew what it acts on, so two janitors at once do the same
work twice and no harm; one is enough.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from streams import metrics
from streams.errors import ComplianceError
from streams.lifecycle.keys import KeyLog, changes
from streams.model import PublicKey

__all__ = [
    "PURGED",
    "Cluster",
    "DriftSeen",
    "Janitor",
    "KeyVault",
    "Round",
    "Step",
    "StepResult",
    "Unable",
    "purgeable",
]

log = logging.getLogger(__name__)
PURGED = ("intake", "intake.plain", "signals")  # purged behind the commit

Partition = tuple[str, int]


class Unable(ComplianceError):
    """What the broker cannot do at all: told once, not a failure of the step."""


class DriftSeen(NamedTuple):
    """A setting of a topic that is not as it should be. `kind` is the setting's name."""

    topic: str
    kind: str
    text: str
    keeps_longer: bool


class KeyVault(Protocol):
    """What the janitor asks of the vault."""

    def rotate(self) -> Sequence[PublicKey]:
        """Make the keys that are due, and return all live ones."""
        ...

    def end_due(self) -> Sequence[PublicKey]:
        """Destroy the private halves of keys that are past their end, and return those keys."""
        ...

    def status(self) -> Mapping[str, Any]:
        """`keys` by kind, `oldest_readable_day`, how many are `overdue`, and which are `ending` (not yet proven)."""
        ...


class Cluster(Protocol):
    """What the janitor asks of Kafka."""

    def committed(self, topics: Sequence[str]) -> Mapping[Partition, Mapping[str, int]]:
        """By partition, the committed offset of every group that has one."""
        ...

    def starts(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        """By partition, the first offset that is still there."""
        ...

    def purge(self, before: Mapping[Partition, int]) -> None:
        """Delete the records below these offsets; `Unable` where the broker has no such request."""
        ...

    def drifts(self) -> Sequence[DriftSeen]:
        """Everything that is not as the table of topics says."""
        ...


class StepResult(StrEnum):
    """How a step ended."""

    DONE = "done"
    UNABLE = "unable"
    FAILED = "failed"


class Step(NamedTuple):
    """What one step did: a sentence for people, numbers for programs."""

    name: str
    result: StepResult
    text: str
    numbers: Mapping[str, int]


class Round(NamedTuple):
    """One round."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.result is not StepResult.FAILED for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a program."""
        steps = [{"name": s.name, "result": s.result.value, "text": s.text, **s.numbers} for s in self.steps]
        return {"ok": self.ok, "steps": steps}


Did = tuple[str, dict[str, int]]


class Janitor:
    """Runs rounds. `topics` are the full names of the topics to purge (none: no purge), `group` the workers' group.

    `clock` gives ms. A round never raises; what failed is in its steps.
    """

    def __init__(
        self,
        vault: KeyVault,
        keys: KeyLog,
        cluster: Cluster,
        topics: Sequence[str],
        group: str,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._vault = vault
        self._keys = keys
        self._cluster = cluster
        self._topics = tuple(topics)
        self._group = group
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._live: Sequence[PublicKey] | None = None
        self._ended: dict[str, PublicKey] = {}
        self._ending: frozenset[str] | None = None
        self._said: set[str] = set()
        self._drifts: set[tuple[str, str]] = set()
        self.last: Round | None = None
        self.tried_at = time.monotonic()

    def run(self, stopped: Callable[[], bool], interval: float, told: Callable[[Round], None] | None = None) -> None:
        """Rounds, `interval` seconds apart, until `stopped` says so; a round that has begun is finished."""
        while not stopped():
            done = self.round()
            if told is not None:
                told(done)
            due = time.monotonic() + interval
            while not stopped() and (left := due - time.monotonic()) > 0:
                time.sleep(min(left, 0.1))

    def round(self) -> Round:
        """Rotate and end keys, ask what is held, publish what changed, purge behind the commit, look for drift."""
        steps = [
            self._step("rotate", self._rotate),
            self._step("end", self._end),
            self._step("status", self._status),
            self._step("publish", self._publish),
        ]
        if self._topics:
            steps.append(self._step("purge", self._purge))
        steps.append(self._step("drift", self._drift))
        self.last = Round(tuple(steps))
        self.tried_at = time.monotonic()
        metrics.JANITOR_ROUNDS.labels("ok" if self.last.ok else "failed").inc()
        if self.last.ok:
            metrics.JANITOR_LAST.set(time.time())
        return self.last

    def _step(self, name: str, work: Callable[[], Did]) -> Step:
        try:
            text, numbers = work()
            step = Step(name, StepResult.DONE, text, numbers)
        except Unable as unable:
            step = Step(name, StepResult.UNABLE, str(unable), {})
            self._say_once(f"{name}: {unable}")
        except ComplianceError as error:
            step = Step(name, StepResult.FAILED, f"{type(error).__name__}: {error}", {})
            log.error("janitor: %s failed, trying again next round: %s", name, step.text)
        except Exception as error:  # a step must not stop the others; its message may hold anything, its type does not
            step = Step(name, StepResult.FAILED, type(error).__name__, {})
            log.error("janitor: %s failed, trying again next round: %s", name, step.text)
        metrics.JANITOR_STEPS.labels(name, step.result.value).inc()
        return step

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            log.warning("janitor: %s", text)

    def _rotate(self) -> Did:
        self._live = None  # unless the vault answers, nobody knows
        self._live = self._vault.rotate()
        return f"{len(self._live)} live keys", {"live": len(self._live)}

    def _end(self) -> Did:
        ended = self._vault.end_due()
        self._ended.update((key.key_id, key) for key in ended)
        for key in ended:
            metrics.VAULT_ENDED.labels(key.kind.value).inc()
        if ended:
            log.info("janitor: %d keys ended: %s", len(ended), ", ".join(key.key_id for key in ended))
        return f"{len(ended)} keys ended", {"ended": len(ended)}

    def _status(self) -> Did:
        self._ending = None
        told = self._vault.status()
        self._ending = frozenset(told["ending"])
        for kind, number in told["keys"].items():
            metrics.VAULT_KEYS.labels(kind).set(number)
        metrics.VAULT_OVERDUE.set(told["overdue"])
        day = told["oldest_readable_day"]
        metrics.VAULT_OLDEST.set(self._clock() / 1000 - _start_of(day) if day else 0)
        if told["overdue"]:
            log.error("janitor: %d keys are past their end and still exist: act at once", told["overdue"])
        numbers = {"keys": sum(told["keys"].values()), "overdue": told["overdue"]}
        return f"{numbers['keys']} private keys, {numbers['overdue']} overdue, oldest day {day or 'none'}", numbers

    def _publish(self) -> Did:
        # Only when the vault said what it holds, and what it is still ending, is a key that it did not name gone.
        live = self._live if self._ending is not None else None
        wanted = changes(self._keys.read(), live, self._ended.values(), self._clock(), self._ending or frozenset())
        for change in wanted:
            if change.orphan:
                log.error("janitor: key %s is not in the vault: published as ended, nobody may use it", change.key_id)
        if wanted:
            self._keys.publish(wanted)
        self._ended.clear()
        tombstones = sum(change.key is None for change in wanted)
        orphans = sum(change.orphan for change in wanted)
        numbers = {"published": len(wanted) - tombstones, "tombstones": tombstones, "orphans": orphans}
        return f"{numbers['published']} public keys published, {tombstones} old ones taken off", numbers

    def _purge(self) -> Did:
        committed = self._cluster.committed(self._topics)
        starts = self._cluster.starts(self._topics)
        before = purgeable(committed, starts, self._group)
        if before:
            self._cluster.purge(before)
        for (topic, partition), offset in before.items():
            metrics.JANITOR_PURGED.labels(topic).inc(offset - starts[topic, partition])
        records = sum(offset - starts[place] for place, offset in before.items())
        return f"{records} records purged behind the commit", {"records": records, "partitions": len(before)}

    def _drift(self) -> Did:
        found = self._cluster.drifts()
        now = {(drift.topic, drift.kind) for drift in found}
        for topic, kind in self._drifts - now:
            metrics.DRIFT.labels(topic, kind).set(0)
            log.info("janitor: %s of topic %s is as it should be again", kind, topic)
        for drift in found:
            metrics.DRIFT.labels(drift.topic, drift.kind).set(1)
            if (drift.topic, drift.kind) not in self._drifts:
                level = logging.ERROR if drift.keeps_longer else logging.WARNING
                log.log(level, "janitor: drift: %s", drift.text)
        self._drifts = now
        longer = sum(drift.keeps_longer for drift in found)
        return f"{len(found)} drifts, {longer} keep longer", {"drifts": len(found), "keeps_longer": longer}


def _start_of(day: str) -> float:
    """The start of a day (YYYY-MM-DD, UTC), in seconds."""
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()


def purgeable(
    committed: Mapping[Partition, Mapping[str, int]], starts: Mapping[Partition, int], group: str
) -> dict[Partition, int]:
    """Up to where each partition may be purged: the lowest commit of all groups, where the workers' own is one of them.

    A partition which the workers have not committed yet is left alone, whatever others have read of it.
    """
    before = {}
    for place, groups in committed.items():
        if group in groups and place in starts:
            lowest = min(groups.values())
            if lowest > starts[place]:
                before[place] = lowest
    return before
