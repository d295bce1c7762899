"""`streams receipts check` on receipts without Kafka."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from streams.cli import cli
from streams.lifecycle import receipts
from streams.lifecycle.summing import Accounting, Bounds, Place, Report
from streams.model import Disposition, Receipt, Run

D = Disposition


def report(*runs: tuple[int, int, Disposition], end: int = 10) -> Report:
    made = Accounting()
    for first, last, ending in runs:
        made.add(Receipt("local", "compliance.intake", 0, (Run(first, last, ending),), "w", 1, "p", 0))
    return made.report({Place("local", "compliance.intake", 0): Bounds(0, end)})


def run(monkeypatch: pytest.MonkeyPatch, given: Report, *words: str) -> Result:
    monkeypatch.setattr(receipts, "check_receipts", lambda *arguments: given)
    return CliRunner().invoke(cli, ["receipts", "check", *words], standalone_mode=False)


def test_sound_receipts_end_with_0_and_pending_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, report((0, 6, D.STORED), (5, 7, D.STORED)))
    assert result.return_value == 0
    assert "every offset is accounted for" in result.output
    assert "2 pending" in result.output


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (((0, 2, D.STORED), (5, 5, D.STORED)), "gap of 2 offsets: 3–4"),
        (((0, 9, D.NOT_STORED), (3, 3, D.STORED)), "conflict: 1 offsets ended not_stored, and later stored"),
        (((0, 19, D.STORED),), "receipts for 10 offsets behind the end"),
        (((5, 3, D.STORED),), "1 impossible runs"),
    ],
)
def test_a_finding_is_named_and_ends_with_1(
    runs: tuple[tuple[int, int, Disposition], ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, report(*runs))
    assert result.return_value == 1
    assert said in result.output
    assert "NOT every offset" in result.output


def test_what_time_explains_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, report((0, 9, D.STORED), (9, 9, D.EXPIRED_UNREAD)))
    assert result.return_value == 0
    assert "1 repeats ended expired_unread; they had ended stored, which stands" in result.output


def test_json_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, report((0, 2, D.STORED), (5, 5, D.LOST)), "--json")
    data = json.loads(result.stdout)
    assert (data["ok"], data["gaps"], data["totals"]) == (False, 1, {"stored": 4 - 1, "lost": 1})
    assert data["sources"][0]["gaps"]["first"] == [[3, 4]]


def test_partitions_that_hold_nothing_take_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Accounting()
    made.add(Receipt("local", "compliance.intake", 0, (Run(0, 9, D.STORED),), "w", 1, "p", 0))
    bounds = {Place("local", "compliance.intake", number): Bounds(0, 0 if number else 10) for number in range(5)}
    result = run(monkeypatch, made.report(bounds))
    assert "compliance.intake/0" in result.output
    assert "compliance.intake/1" not in result.output
    assert "4 partitions hold nothing and have no receipts" in result.output


def test_what_was_skipped_is_accounted_for_and_never_passed_over_as_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Accounting()
    runs = (Run(0, 6, D.STORED), Run(7, 7, D.DEAD_LETTER), Run(8, 9, D.STORED))
    for _ in range(2):  # once more after a crash: one skip all the same
        made.add(Receipt("local", "compliance.intake", 0, runs, "w", 1, "p", 0, (7,)))
    found = made.report({Place("local", "compliance.intake", 0): Bounds(0, 10)})
    result = run(monkeypatch, found)
    assert result.return_value == 0
    assert "every offset is accounted for; 1 of them skipped, and not processed" in result.output
    assert "compliance.intake/0: skipped by hand, not processed: 7" in result.output
    data = json.loads(run(monkeypatch, found, "--json").stdout)
    assert (data["skipped"], data["sources"][0]["skipped"]) == (1, [7])
