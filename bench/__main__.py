"""Events a second and core for the whole job, beside a plain Faust app, in one run on a real Kafka.

python -m bench                    60,000 events for the pipeline, 2,000 for the plain app, three rounds, medians
python -m bench --events 50000 --rounds 1 --json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from bench.deployment import Deployment, deploy, pause, processor, send
from bench.load import ACCOUNT, events
from streams.codec.records import encode_event
from streams.errors import DependencyError
from streams.kafka.admin import apply
from streams.kafka.reading import Publisher
from streams.model import StorageMode
from streams.settings import parse

PARTITIONS = 4
SECONDS = 300.0
PIPELINE, PLAIN = "compliance-streams", "plain Faust app"
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


def pipeline(deployment: Deployment, number: int) -> Speed:
    """Fill `intake` through the SDK, then start one worker and watch it drain."""
    prompts = ({"prompt": content.messages[0].text, "account": ACCOUNT} for _, content in events(number))
    sent, dropped = send(deployment, prompts)
    if sent != number:
        raise DependencyError(f"only {sent} of {number} events were taken: {dropped}")
    deployment.processes.start("worker")
    first = last = None
    deadline = monotonic() + SECONDS
    while last is None or last.ended < number:
        deployment.processes.check()
        numbers = deployment.numbers()
        if numbers is not None and numbers.ended:
            first, last = first or numbers, numbers
        if monotonic() > deadline:
            raise DependencyError(f"{number} events were not done within {SECONDS:.0f} s")
        pause()
    assert first is not None
    if last.ended == first.ended:
        raise DependencyError(f"{number} events were done at one glance: take more (--events)")
    return Speed(last.ended - first.ended, last.at - first.at, last.cpu - first.cpu)


def plain(deployment: Deployment, prefix: str, number: int) -> Speed:
    """Fill a topic with plain Avro events, then start the plain app and let it tell what it took."""
    settings = parse({**deployment.environment, "STREAMS_TOPICS__PREFIX": prefix})
    apply(settings)
    with Publisher(settings.kafka) as publisher:
        records = [(f"{ACCOUNT}#{i % 8}".encode(), encode_event(*event)) for i, event in enumerate(events(number))]
        publisher.publish(f"{prefix}intake.plain", records)
    arguments = [settings.kafka.bootstrap, prefix, str(SCHEMA), str(number)]
    command = [sys.executable, "-m", "bench.plain", *arguments]
    environment = {**os.environ, "APP_DATADIR": str(settings.vault.directory.parent / "plain")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise DependencyError(f"the plain app ended with exit code {process.wait()}")
            return Speed(**json.loads(line))
        finally:
            process.kill()


def measure(number: int, plain_number: int, rounds: int) -> dict[str, list[Speed]]:
    """All rounds, each on a broker of its own so that nothing of an earlier one is left."""
    found: dict[str, list[Speed]] = {PIPELINE: [], PLAIN: []}
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
        with deploy(PARTITIONS, {ACCOUNT: StorageMode.STANDARD}) as deployment:
            found[PLAIN].append(plain(deployment, "plain.", plain_number))
            found[PIPELINE].append(pipeline(deployment, number))
    return found


def as_json(found: dict[str, list[Speed]]) -> dict[str, Any]:
    """Medians, and the ratios within each round."""
    median = statistics.median
    rows = {
        name: {
            "events": speeds[0].events,
            "events_a_second": round(median(speed.a_second for speed in speeds)),
            "events_a_core_second": round(median(speed.a_core for speed in speeds)),
        }
        for name, speeds in found.items()
    }
    ratios = [ours.a_core / theirs.a_core for ours, theirs in zip(found[PIPELINE], found[PLAIN], strict=True)]
    return {"machine": processor(), "rounds": len(ratios), "results": rows, "ratio_a_core": round(median(ratios), 1)}


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'':22}{'events/s':>12}{'events/s and core':>22}"]
    for name, row in told["results"].items():
        lines.append(f"{name:22}{row['events_a_second']:>12,}{row['events_a_core_second']:>22,}")
    lines.append(f"{told['ratio_a_core']} times as many events a core ({told['rounds']} rounds, {told['machine']})")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--events", type=int, default=60_000, help="for the pipeline")
    parser.add_argument("--plain-events", type=int, default=2_000, help="for the plain app, which is slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        told = as_json(measure(chosen.events, chosen.plain_events, chosen.rounds))
    except DependencyError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(told) if chosen.json else table(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
