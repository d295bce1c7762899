"""The short form of `make faults`: each fault once, under load; no event is lost, and nothing shows that must not.

Killed and sleeping workers and the purge have tests of their own in test_workers.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.faults.scenarios import SCENARIOS, run
from tests.kafka_server import missing

RATE = 250.0
ELSEWHERE = {"kill", "zombie", "janitor"}


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in ELSEWHERE])
def test_a_fault_under_load_loses_nothing(name: str, tmp_path: Path) -> None:
    why = missing()
    if why and os.environ.get("CI") != "true":
        pytest.skip(why)
    verdict = run(name, tmp_path / name, turns=1, rate=RATE)
    assert verdict.faults == []
    assert verdict.events > 0
    assert verdict.totals["stored"] > 0
    assert verdict.violations > 0
