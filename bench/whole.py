"""The whole job on a real Kafka with two workers, one of them killed with -9, and every offset accounted for.

    python -m bench.whole                                       made-up events
    python -m bench.whole --data FOLDER --events 200000         the texts of *.jsonl.gz files, repeated; none is shown

Prints counts alone. Ends with 1 when an offset is not accounted for, or an event that was sent is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

from bench.deployment import Deployment, deploy, processor, send, settle
from bench.load import events, rows
from streams.codec.records import decode_dead_letter, decode_tagged, decode_violation
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.receipts import Report
from streams.model import AREAS, StorageMode

STANDARD = [f"customer-{number}" for number in range(40)]
NO_STORAGE = [f"quiet-{number}" for number in range(10)]
WORKERS = 2
KILL_AT = 0.4


class Result(NamedTuple):
    """What a run comes to."""

    sent: int
    dropped: dict[str, int]
    seconds: float
    lags: list[int]
    report: Report
    outputs: dict[str, Any]
    killed_at: int


def texts(data: Path | None) -> Iterator[str]:
    """All texts of a folder of *.jsonl.gz files again and again; without one, made-up ones."""
    if data is None:
        found = [content.messages[0].text for _, content in events(10_000)]
    else:
        found = [str(row["text"]) for row in rows(data)]
    if not found:
        sys.exit(f"no texts (*.jsonl.gz) in {data}")
    print(f"{len(found):,} texts", file=sys.stderr)
    return cycle(found)


def prompts(data: Path | None, number: int) -> Iterator[dict[str, Any]]:
    """Events for `Client.record`, accounts in turn."""
    accounts = cycle([*STANDARD, *NO_STORAGE])
    for i, text in enumerate(islice(texts(data), number)):
        yield {"prompt": text, "account": next(accounts), "conversation": f"c-{i % 5_000}"}


def children(pid: int) -> list[int]:
    """The process ids of a supervisor's children."""
    return [int(part) for part in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


class Watcher(threading.Thread):
    """Samples lag every tenth of a second, and kills one worker with -9 when a share of the events has ended."""

    def __init__(self, deployment: Deployment, supervisor: int, number: int) -> None:
        super().__init__(daemon=True)
        self._deployment = deployment
        self._supervisor = supervisor
        self._kill_after = int(number * KILL_AT)
        self.lags: list[int] = []
        self.killed_at = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            numbers = [found for index in range(WORKERS) if (found := self._deployment.numbers(index)) is not None]
            if numbers:
                self.lags.append(sum(one.lag for one in numbers))
            ended = sum(one.ended for one in numbers)
            if not self.killed_at and ended > self._kill_after:
                victim = children(self._supervisor)[-1]
                os.kill(victim, signal.SIGKILL)
                self.killed_at = ended
                print(f"killed worker process {victim} with -9 after {ended:,} events", file=sys.stderr)


def run(data: Path | None, number: int) -> Result:
    """Send, kill, wait until nothing is pending, add up."""
    accounts = dict.fromkeys(STANDARD, StorageMode.STANDARD) | dict.fromkeys(NO_STORAGE, StorageMode.NO_STORAGE)
    with deploy(partitions=8, accounts=accounts, extra={"STREAMS_JANITOR__PURGE": "false"}) as deployment:
        supervisor = deployment.worker("--workers", str(WORKERS)).pid
        watcher = Watcher(deployment, supervisor, number)
        begun = time.monotonic()
        watcher.start()
        sent, dropped = send(
            deployment, prompts(data, number), lambda n: print(f"\rsent {n:,}", end="", file=sys.stderr)
        )
        print(file=sys.stderr)
        report = settle(deployment)
        seconds = time.monotonic() - begun
        watcher.over.set()
        watcher.join()
        return Result(sent, dropped, seconds, watcher.lags, report, read_outputs(deployment), watcher.killed_at)


def read_outputs(deployment: Deployment) -> dict[str, Any]:
    """Counts of what was published, and of repeats, which their ids tell."""
    settings = deployment.settings
    violations: Counter[str] = Counter()
    seen: set[str] = set()
    tagged: Counter[tuple[str, int, int]] = Counter()
    dead: Counter[str] = Counter()
    repeats = 0
    topics = [topic_name(settings.topics, f"violations.{area.value}") for area in AREAS]
    more = [topic_name(settings.topics, short) for short in ("shadow", "tagged", "dead-letter")]
    with Reader(settings.kafka) as reader:
        for record in reader.read([*topics, *more]):
            value = record.value or b""
            if record.topic == more[1]:
                source = decode_tagged(value).source
                tagged[source.topic, source.partition, source.offset] += 1
            elif record.topic == more[2]:
                dead[str(decode_dead_letter(value).code)] += 1
            else:
                violation = decode_violation(value)
                repeats += violation.violation_id in seen
                if violation.violation_id not in seen:
                    violations[f"{violation.area.value} ({violation.stage.value})"] += 1
                seen.add(violation.violation_id)
    return {
        "violations": dict(sorted(violations.items())),
        "violation_repeats": repeats,
        "tagged": len(tagged),
        "tagged_repeats": sum(tagged.values()) - len(tagged),
        "dead_letters": dict(dead),
    }


def as_json(result: Result) -> dict[str, Any]:
    """Everything, for a program."""
    report = result.report.as_json()
    lags = sorted(result.lags)
    return {
        "machine": processor(),
        "workers": WORKERS,
        "sent": result.sent,
        "dropped_by_client": result.dropped,
        "killed_after": result.killed_at,
        "seconds": round(result.seconds, 1),
        "events_a_second": round(report["accounted"] / result.seconds),
        "lag_median": int(statistics.median(lags)) if lags else 0,
        "lag_most": lags[-1] if lags else 0,
        **{name: report[name] for name in ("ok", "accounted", "pending", "gaps", "repeats", "conflicts", "totals")},
        **result.outputs,
    }


def table(found: dict[str, Any]) -> str:
    """The same for people, as Markdown."""
    rows = []
    for name, value in found.items():
        if isinstance(value, dict):
            rows += [f"| {name}: {part} | {number:,} |" for part, number in value.items()]
        else:
            counted = isinstance(value, int) and not isinstance(value, bool)
            rows.append(f"| {name} | {value:,} |" if counted else f"| {name} | {value} |")
    return "\n".join(["| what | figure |", "|---|---|", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of *.jsonl.gz files with a text in each line")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = as_json(run(chosen.data, chosen.events))
    print(json.dumps(found) if chosen.json else table(found))
    sound = found["ok"] and not found["pending"] and found["accounted"] == found["sent"]
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
