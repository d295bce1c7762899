"""Every fault under load on a real Kafka, one after the other; the table tells what each cost.

python -m bench.faults                    everything, about half an hour
python -m bench.faults kill broker        some of it
python -m bench.faults --turns 2          a short form of each
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.faults.scenarios import RATE, SCENARIOS, run
from bench.faults.trial import Verdict
from streams.errors import ComplianceError


def row(name: str, turns: int, seconds: float, verdict: Verdict) -> dict[str, Any]:
    """One line of the table, for a program."""
    times = sorted(verdict.recoveries)
    return {
        "fault": name,
        "told": SCENARIOS[name].told,
        "turns": turns,
        "events": verdict.events,
        "totals": dict(verdict.totals),
        "violations": verdict.violations,
        "repeats_per_million": round(verdict.repeats_per_million),
        "recovery_median_s": round(times[len(times) // 2], 1) if times else None,
        "recovery_most_s": round(times[-1], 1) if times else None,
        "seconds": round(seconds),
        "faults": verdict.faults,
    }


def line(told: dict[str, Any]) -> str:
    """The same for people."""
    median, most = told["recovery_median_s"], told["recovery_most_s"]
    recovery = "        –" if median is None else f"{median:5.1f} s, at most {most:.1f} s"
    sound = "nothing lost" if not told["faults"] else "; ".join(told["faults"])
    return (
        f"{told['told']:46}{told['turns']:>5} ×{told['events']:>9,} events"
        f"{told['repeats_per_million']:>9,} repeats/million   {recovery:24} {sound}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="FAULT", help=f"of {', '.join(SCENARIOS)}; all if none is named")
    parser.add_argument("--turns", type=int, help="how often each is done; default: its own number")
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    parser.add_argument("--seed", type=int, default=7, help="of the random moments")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(SCENARIOS):
        parser.error(f"no fault {', '.join(sorted(unknown))}: choose from {', '.join(SCENARIOS)}")
    if (chosen.turns is not None and chosen.turns < 1) or chosen.rate <= 0:
        parser.error("--turns and --rate must be above 0")
    rows = []
    try:
        for name in chosen.names or SCENARIOS:
            turns, begun = chosen.turns or SCENARIOS[name].turns, time.monotonic()
            print(f"{name}: {SCENARIOS[name].told}, {turns} ×", file=sys.stderr)
            with TemporaryDirectory(prefix="streams-faults-") as folder:
                verdict = run(name, Path(folder) / name, turns, chosen.rate, chosen.seed)
            rows.append(row(name, turns, time.monotonic() - begun, verdict))
            if not chosen.json:
                print(line(rows[-1]), flush=True)
    except ComplianceError as error:
        print(f"faults: {error}", file=sys.stderr)
        return error.exit_code
    if chosen.json:
        print(json.dumps(rows))
    return 1 if any(one["faults"] for one in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
