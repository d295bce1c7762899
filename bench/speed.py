"""Events a second and core for the whole job: a worker, and other frameworks on the same events, in one run.

Every contender drains the same `intake` of a real Kafka with one process. CPU is that process's own; the ratios are of
events a CPU second, within a round. A worker does more than the others: it keeps receipts, commits only what is
delivered, and serves metrics.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from bench.deployment import Deployment, Numbers, deploy, pause, processor, send
from bench.load import ACCOUNT, events
from streams.codec.records import encode_event
from streams.errors import DependencyError
from streams.kafka.admin import apply
from streams.kafka.reading import Publisher
from streams.model import StorageMode
from streams.settings import parse

__all__ = ["OURS", "Drained", "Speed", "as_json", "drain", "fill", "measure", "table"]

PARTITIONS = 4
SECONDS = 120.0
OURS, PLAIN = "compliance-streams", "Faust, written plainly"
PEERS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "Faust, our core": ("faust_core", 0.1, ()),
    "Quix Streams, our core": ("quix", 0.4, ()),
    "Bytewax, our core": ("bytewax", 1, ()),
    "Bytewax, collector spared": ("bytewax", 1, ("--spare-collector",)),
}
KEPT = {"STREAMS_JANITOR__PURGE": "false"}  # each contender reads what the one before has committed
PLAIN_SHARE = 1 / 30
SCHEMA = Path(__file__).parents[1] / "schemas" / "event" / "v1.avsc"


class Speed(NamedTuple):
    """One measurement: events, seconds from the first that was seen to end, and CPU seconds of the process."""

    events: int
    seconds: float
    cpu: float

    @property
    def a_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def a_core(self) -> float:
        """Events a CPU second."""
        return self.events / self.cpu


class Drained(NamedTuple):
    """A backlog that was drained: speed, seconds until the first event was done, memory on the way, halves wrapped.

    Memory is that of the largest process, in bytes, by how many events were done.
    """

    speed: Speed
    ready: float
    memory: list[tuple[int, int]]
    wraps: int


def fill(
    deployment: Deployment, number: int, characters: int = 500, account: Callable[[], str] = lambda: ACCOUNT
) -> None:
    """Send events through the SDK, or raise."""
    prompts = ({"prompt": content.messages[0].text, "account": account()} for _, content in events(number, characters))
    sent, dropped = send(deployment, prompts)
    if sent != number:
        raise DependencyError(f"only {sent} of {number} events were taken: {dropped}")


def drain(deployment: Deployment, number: int, workers: int = 1, seconds: float = SECONDS) -> Drained:
    """Start workers, watch them drain what is there, and end them. What a process does before its first event is left
    out of the speed."""
    began = monotonic()
    process = deployment.processes.start("worker", "--workers", str(workers))
    first: dict[int, Numbers] = {}
    last: dict[int, Numbers] = {}
    memory: list[tuple[int, int]] = []
    ready: float | None = None
    while sum(numbers.ended for numbers in last.values()) < number:
        deployment.processes.check()
        if monotonic() > began + seconds:
            raise DependencyError(f"{number} events were not done within {seconds:.0f} s")
        pause()
        for index in range(workers):
            if (numbers := deployment.numbers(index)) is not None and numbers.ended:
                first.setdefault(index, numbers)
                last[index] = numbers
        if last:
            ready = ready or monotonic() - began
            memory.append((sum(one.ended for one in last.values()), max(one.memory for one in last.values())))
    deployment.processes.end(process)
    return Drained(_speed(first, last), ready or 0.0, memory, sum(one.wraps for one in last.values()))


def _speed(first: dict[int, Numbers], last: dict[int, Numbers]) -> Speed:
    done = sum(last[index].ended - first[index].ended for index in first)
    if not done:
        raise DependencyError("all events were done at one glance: take more")
    seconds = max(one.at for one in last.values()) - min(one.at for one in first.values())
    return Speed(done, seconds, sum(last[index].cpu - first[index].cpu for index in first))


def _peer(deployment: Deployment, module: str, *arguments: str) -> Speed:
    """Run one of the other contenders, which tells what it took."""
    environment = {**os.environ, **deployment.environment}
    environment["APP_DATADIR"] = str(deployment.settings.vault.directory.parent / module)
    command = [sys.executable, "-m", f"bench.peers.{module}", *arguments]
    log = deployment.settings.vault.directory.parent / f"{module}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as one,
    ):
        try:
            output, _ = one.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise DependencyError(f"{module} was not done within {SECONDS:.0f} s") from None
        finally:
            one.kill()
    lines = [line for line in output.splitlines() if line.startswith(b"{")]
    if not lines:
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise DependencyError(f"{module} ended with exit code {one.returncode}: {told[-1] if told else 'no word'}")
    return Speed(**json.loads(lines[-1]))


def _plain(deployment: Deployment, number: int) -> Speed:
    """Fill a topic with plain Avro events, which is what the plainly written app reads, and run it."""
    prefix = "plain."
    settings = parse({**deployment.environment, "STREAMS_TOPICS__PREFIX": prefix})
    apply(settings)
    with Publisher(settings.kafka) as publisher:
        records = [(f"{ACCOUNT}#{i % 8}".encode(), encode_event(*event)) for i, event in enumerate(events(number))]
        publisher.publish(f"{prefix}intake.plain", records)
    return _peer(deployment, "plain", settings.kafka.bootstrap, prefix, str(SCHEMA), str(number))


def measure(number: int, rounds: int, only: Sequence[str] = ()) -> dict[str, list[Speed]]:
    """All rounds, each on a broker of its own so that nothing of an earlier one is left."""
    found: dict[str, list[Speed]] = {}
    for turn in range(rounds):
        with deploy(PARTITIONS, {ACCOUNT: StorageMode.STANDARD}, KEPT) as deployment:
            fill(deployment, number)
            contenders = list(_contenders(deployment, number).items())
            first = turn * len(contenders) // rounds  # who runs right behind the filling changes from round to round
            for name, run in contenders[first:] + contenders[:first]:
                if name == OURS or not only or name in only:
                    print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr)
                    found.setdefault(name, []).append(run())
    return found


def _contenders(deployment: Deployment, number: int) -> dict[str, Any]:
    peers = {
        name: lambda module=module, share=share, more=more: _peer(deployment, module, str(int(number * share)), *more)
        for name, (module, share, more) in PEERS.items()
    }
    return {
        OURS: lambda: drain(deployment, number).speed,
        **peers,
        PLAIN: lambda: _plain(deployment, int(number * PLAIN_SHARE)),
    }


def as_json(found: dict[str, list[Speed]]) -> dict[str, Any]:
    """Medians, and the ratios within each round."""
    median = statistics.median
    rows = {
        name: {
            "events": speeds[0].events,
            "events_a_second": round(median(speed.a_second for speed in speeds)),
            "events_a_core_second": round(median(speed.a_core for speed in speeds)),
            "microseconds": round(median(1e6 / speed.a_core for speed in speeds), 1),
            "times": round(
                median(ours.a_core / theirs.a_core for ours, theirs in zip(found[OURS], speeds, strict=True)), 2
            ),
        }
        for name, speeds in found.items()
    }
    return {"machine": processor(), "rounds": len(found[OURS]), "results": rows}


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'':28}{'events/s':>10}{'events/s and core':>20}{'CPU µs/event':>14}{'ours is':>12}"]
    for name, row in told["results"].items():
        times = "" if name == OURS else f"{row['times']:,.2f} ×"
        speeds = f"{row['events_a_second']:>10,}{row['events_a_core_second']:>20,}{row['microseconds']:>14,.1f}"
        lines.append(f"{name:28}{speeds}{times:>12}")
    lines.append(f"median of {told['rounds']} rounds, {told['machine']}")
    return "\n".join(lines)
