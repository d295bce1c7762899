"""From `record()` in an application to the violation in a subscriber's hands, at several rates.

One worker, one sender through the SDK and one subscriber, each a process, on one machine with the broker. Every event
is worth a violation at low rates, one in twenty at high ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any, NamedTuple

from bench.deployment import Deployment, deploy, pause, processor
from bench.load import ACCOUNT
from bench.speed import fill
from streams.errors import DependencyError
from streams.model import StorageMode

__all__ = ["Lag", "measure", "table"]

AFTER = 8.0  # seconds that the subscriber goes on for behind the sender's end
START = 30.0
SECONDS = 180.0


class Lag(NamedTuple):
    """At a rate (events a second; reached, the one that was): violations, and percentiles of their lag in ms.

    `inside_p50` is from the broker's append of the event, without the SDK.
    """

    rate: int
    reached: int
    violations: int
    p50: float
    p99: float
    p999: float
    inside_p50: float
    inside_p99: float


def _at(deployment: Deployment, rate: float, seconds: float, notable: float) -> Lag:
    print(f"  {rate:,.0f} events a second, for {seconds:.0f} s", file=sys.stderr)
    with (
        _role(deployment, "take", seconds + AFTER + START) as taking,
        _role(deployment, "send", rate, seconds, notable) as sending,
    ):
        try:
            sent, _ = sending.communicate(timeout=seconds + START + 60)
            found, _ = taking.communicate(timeout=seconds + START + AFTER + 60)
        finally:
            sending.kill()
            taking.kill()
    if sending.returncode or taking.returncode:
        raise DependencyError(f"a process of the bench ended with {sending.returncode or taking.returncode}")
    lags = json.loads(found.splitlines()[-1])
    whole, inside = sorted(lags["whole"]), sorted(lags["inside"])
    return Lag(
        rate=int(rate),
        reached=json.loads(sent)["rate"],
        violations=len(whole),
        p50=_percentile(whole, 0.5),
        p99=_percentile(whole, 0.99),
        p999=_percentile(whole, 0.999),
        inside_p50=_percentile(inside, 0.5),
        inside_p99=_percentile(inside, 0.99),
    )


def _role(deployment: Deployment, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.roles", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **deployment.environment})


def _percentile(ordered: list[float], share: float) -> float:
    if not ordered:
        raise DependencyError("no violation came through")
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)


def _most(deployment: Deployment, number: int) -> float:
    """Events a second that this machine takes from end to end, with sender, broker and worker beside each other."""
    before = deployment.numbers()
    begun = time.monotonic()
    fill(deployment, number)
    while before is None or (now := deployment.numbers()) is None or now.ended < before.ended + number:
        deployment.processes.check()
        if time.monotonic() > begun + SECONDS:
            raise DependencyError(f"{number} events were not done within {SECONDS:.0f} s")
        pause()
    return number / (time.monotonic() - begun)


def measure(seconds: float = 30.0, number: int = 40_000) -> dict[str, Any]:
    """At 1, 10 and 1,000 events a second, and at half of what this machine takes from end to end."""
    with deploy(4, {ACCOUNT: StorageMode.STANDARD}) as deployment:
        deployment.worker()
        most = _most(deployment, number)
        rates = ((1, seconds * 2, 1.0), (10, seconds, 1.0), (1_000, seconds, 0.05), (most / 2, seconds, 0.05))
        rows = [_at(deployment, rate, lasting, notable) for rate, lasting, notable in rates]
    return {"machine": processor(), "most_events_a_second": round(most), "rows": [row._asdict() for row in rows]}


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'events/s':>10}{'violations':>12}{'p50':>9}{'p99':>9}{'p99.9':>9}   ms from record()"]
    for row in told["rows"]:
        lines.append(
            f"{row['reached']:>10,}{row['violations']:>12,}{row['p50']:>9.1f}{row['p99']:>9.1f}{row['p999']:>9.1f}"
            f"   from the broker: {row['inside_p50']:.1f}, p99 {row['inside_p99']:.1f}"
        )
    lines.append(
        f"from end to end at most {told['most_events_a_second']:,} events/s with one worker; {told['machine']}"
    )
    return "\n".join(lines)
