"""All figures of speed, on a real Kafka on this machine: tables on standard output, or one JSON object.

python -m bench                          everything, about half an hour
python -m bench speed blocks             some of it
python -m bench speed --events 20000 --rounds 1 --json

speed     events a second and core for the whole job, beside other frameworks on the same events
blocks    what each building block costs by itself, and their sum beside a whole worker
lag       from record() to the violation: p50, p99, p99.9 at several rates
sdk       what the client costs its caller, and its ceiling
scale     workers, partitions, sizes of events
accounts  1, 1,000 and 1,000,000 accounts: start, memory, keys wrapped
backlog   two backlogs of a million: speed, and memory on the way
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench import blocks, lag, scale, sdk, speed
from streams.errors import ComplianceError

Told = tuple[str, Any]


def _speed(chosen: argparse.Namespace) -> Told:
    told = speed.as_json(speed.measure(chosen.events, chosen.rounds))
    return speed.table(told), told


def _blocks(chosen: argparse.Namespace) -> Told:
    found = blocks.measure()
    whole = speed.as_json(speed.measure(chosen.events, chosen.rounds, only=(speed.OURS,)))
    told = blocks.as_json(found, 1e6 / whole["results"][speed.OURS]["events_a_core_second"])
    return blocks.table(told), told


def _lag(chosen: argparse.Namespace) -> Told:
    told = lag.measure(chosen.seconds, chosen.events)
    return lag.table(told), told


def _sdk(chosen: argparse.Namespace) -> Told:
    told = sdk.measure()
    return sdk.table(told), told


def _scale(chosen: argparse.Namespace) -> Told:
    some = chosen.events
    rows = [*scale.workers(some), *scale.partitions(some), *scale.sizes(some)]
    return scale.table(rows), [row._asdict() for row in rows]


def _accounts(chosen: argparse.Namespace) -> Told:
    rows = list(scale.accounts(chosen.events // 2, chosen.accounts))
    return scale.table(rows), [row._asdict() for row in rows]


def _backlog(chosen: argparse.Namespace) -> Told:
    rows, quarters = scale.backlog(chosen.backlog)
    memory = "memory (MiB) in the quarters of a backlog: " + ", ".join(f"{size:,}" for size in quarters)
    return f"{scale.table(rows)}\n{memory}", {"rows": [row._asdict() for row in rows], "memory_mib": quarters}


PARTS: dict[str, Callable[[argparse.Namespace], Told]] = {
    "speed": _speed,
    "blocks": _blocks,
    "lag": _lag,
    "sdk": _sdk,
    "scale": _scale,
    "accounts": _accounts,
    "backlog": _backlog,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them if none is named")
    parser.add_argument("--events", type=int, default=100_000, help="that a worker drains")
    parser.add_argument("--rounds", type=int, default=3, help="of speed and blocks; the medians count")
    parser.add_argument("--seconds", type=float, default=30.0, help="at each rate of lag")
    parser.add_argument("--accounts", type=int, default=scale.MANY, help="of the largest deployment")
    parser.add_argument("--backlog", type=int, default=scale.MANY, help="events of each backlog")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    if min(chosen.events, chosen.rounds, chosen.seconds, chosen.accounts, chosen.backlog) <= 0:
        parser.error("all numbers must be above 0")
    found = {}
    try:
        for name in chosen.parts or PARTS:
            print(f"{name} …", file=sys.stderr)
            text, found[name] = PARTS[name](chosen)
            if not chosen.json:
                print(f"\n{name}\n{text}", flush=True)
    except ComplianceError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    if chosen.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
