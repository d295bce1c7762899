"""Receipts add up: against a model that holds every offset in a dictionary."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.lifecycle import pages as pages_module
from streams.lifecycle.pages import Pages
from streams.lifecycle.summing import NAMED_GAPS, Accounting, Bounds, Place, SourceReport
from streams.model import Disposition, Receipt, Run

D = Disposition
PLACE = Place("local", "compliance.intake", 0)


def receipt(*runs: tuple[int, int, Disposition], partition: int = 0) -> Receipt:
    made = tuple(Run(first, last, ending) for first, last, ending in runs)
    return Receipt("local", "compliance.intake", partition, made, "w", 1, "p", 0)


def check(*receipts: Receipt, log: Bounds | None = None, from_zero: bool = True) -> SourceReport:
    accounting = Accounting()
    for one in receipts:
        accounting.add(one)
    logs = {} if log is None else {PLACE: log}
    return accounting.report(logs, None if from_zero else frozenset()).sources[0]


def test_receipts_that_meet_are_sound() -> None:
    report = check(receipt((0, 4, D.STORED), (5, 5, D.DEAD_LETTER)), receipt((6, 9, D.STORED)), log=Bounds(0, 12))
    assert report.ok
    assert report.totals == {"stored": 9, "dead_letter": 1}
    assert (report.accounted, report.pending, report.repeats) == (10, 2, 0)


def test_a_missing_offset_is_a_gap_with_its_place() -> None:
    report = check(receipt((0, 4, D.STORED)), receipt((6, 9, D.STORED)))
    assert not report.ok
    assert report.gaps == ((5, 5),)


def test_the_beginning_counts_while_the_receipts_reach_back_to_it() -> None:
    assert check(receipt((3, 4, D.STORED)), log=Bounds(3, 5)).gaps == ((0, 2),)


def test_once_receipts_have_gone_accounting_begins_at_the_first_or_at_the_log_start() -> None:
    late = receipt((10, 14, D.STORED))
    assert check(late, log=Bounds(12, 15), from_zero=False).first == 10
    behind = check(late, log=Bounds(7, 15), from_zero=False)
    assert behind.gaps == ((7, 9),)


def test_a_repeat_that_ended_the_same_way_is_counted_once() -> None:
    report = check(receipt((0, 9, D.STORED)), receipt((4, 12, D.STORED)))
    assert report.ok
    assert (report.accounted, report.repeats) == (13, 6)


def test_a_repeat_that_time_explains_is_told_and_does_not_fail() -> None:
    report = check(receipt((0, 9, D.STORED)), receipt((8, 9, D.EXPIRED_UNREAD)))
    assert report.ok
    assert report.different == {("stored", "expired_unread"): 2}
    assert report.totals == {"stored": 10}


@pytest.mark.parametrize(
    ("first", "later"),
    [(D.NOT_STORED, D.STORED), (D.ABSENT, D.STORED), (D.STORED, D.ABSENT), (D.LOST, D.STORED), (D.LOST, D.ABSENT)],
)
def test_a_repeat_that_the_first_excludes_is_a_conflict(first: Disposition, later: Disposition) -> None:
    report = check(receipt((0, 3, first)), receipt((2, 3, later)))
    assert not report.ok
    assert report.conflicts == {(first.value, later.value): 2}


def test_a_hole_below_the_log_start_was_absent_and_is_lost_later() -> None:
    assert check(receipt((0, 3, D.ABSENT)), receipt((2, 3, D.LOST))).ok


def test_a_source_without_any_receipt_is_pending_as_a_whole() -> None:
    report = Accounting().report({PLACE: Bounds(5, 9)}).sources[0]
    assert report.ok
    assert (report.pending, report.accounted, report.beyond) == (4, 0, 0)


def test_offsets_behind_the_end_of_the_log_are_named() -> None:
    report = check(receipt((0, 9, D.STORED)), log=Bounds(0, 6))
    assert not report.ok
    assert report.beyond == 4


@pytest.mark.parametrize("run", [(-1, 3), (5, 4), (0, 2**60)])
def test_an_impossible_run_is_malformed_and_costs_no_memory(run: tuple[int, int]) -> None:
    report = check(receipt((*run, D.STORED)), log=Bounds(0, 0))
    assert not report.ok
    assert report.malformed == 1


def test_an_unreadable_receipt_fails_the_whole() -> None:
    accounting = Accounting()
    accounting.add_unreadable()
    assert not accounting.report({}).ok


def test_totals_and_json_go_over_all_partitions() -> None:
    accounting = Accounting()
    accounting.add(receipt((0, 1, D.STORED)))
    accounting.add(receipt((0, 0, D.STORED), partition=1))
    accounting.add(receipt((0, 0, D.LOST), partition=2))
    report = accounting.report({Place("local", "compliance.intake", 1): Bounds(0, 4)})
    assert report.totals == {"stored": 3, "lost": 1}
    data = report.as_json()
    assert (data["pending"], data["accounted"], data["receipts"], data["ok"]) == (3, 4, 3, True)
    assert [source["pending"] for source in data["sources"]] == [None, 3, None]


def test_many_gaps_are_all_counted_and_the_first_are_named() -> None:
    report = check(receipt(*((n, n, D.STORED) for n in range(0, 1000, 2))))
    assert report.gap_count == 499
    assert len(report.gaps) == NAMED_GAPS


def test_ten_million_offsets_of_one_ending_take_next_to_no_memory() -> None:
    pages = Pages()
    for first in range(0, 10_000_000, 2_000):
        assert pages.write(first, first + 1_999, 1) == ({}, 0)
    assert list(pages.holes(0, 9_999_999)) == []
    assert len(pages._hot) == 1
    assert len(pages._cold) == 0


def test_mixed_endings_are_squeezed_and_the_oldest_complete_pages_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "PAGE", 8)
    pages = Pages(hot=2, kept=3)
    for offset in range(80):
        pages.write(offset, offset, 1 + offset % 2)
    assert len(pages._hot) <= 2
    assert len(pages._settled) == 7
    assert list(pages.holes(0, 99)) == [(80, 99)]
    assert pages.write(0, 15, 1) == ({}, 16)
    assert pages.write(72, 79, 1) == ({1: 4, 2: 4}, 0)


RUNS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 25), st.sampled_from(list(D))).map(
        lambda t: (t[0], t[0] + t[1], t[2])
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(RUNS, st.integers(0, 90), st.sampled_from([4, 16, 65_536]))
def test_the_same_as_a_model_that_knows_every_offset(
    made: list[tuple[int, int, Disposition]], end: int, page: int
) -> None:
    first: dict[int, Disposition] = {}
    different: Counter[tuple[str, str]] = Counter()
    repeats = 0
    for low, high, ending in made:
        for offset in range(low, high + 1):
            noted = first.setdefault(offset, ending)
            different[noted.value, ending.value] += noted is not ending
        repeats += high - low + 1
    repeats -= len(first)
    past = max(first) + 1 if first else 0
    missing = [offset for offset in range(past) if offset not in first]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages_module, "PAGE", page)
        report = check(*(receipt(run) for run in made), log=Bounds(0, end))
    assert report.totals == dict(Counter(ending.value for ending in first.values()))
    assert report.repeats == repeats
    assert report.gap_offsets == len(missing)
    assert [o for low, high in report.gaps for o in range(low, high + 1)] == missing
    assert all(b[0] > a[1] + 1 for a, b in zip(report.gaps, report.gaps[1:], strict=False))
    assert {**report.different, **report.conflicts} == {pair: n for pair, n in different.items() if n}
    assert report.pending == max(0, end - past)
    assert report.beyond == max(0, past - end)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 20), st.integers(1, 3)), max_size=25))
def test_pages_stay_right_while_they_are_squeezed(made: list[tuple[int, int, int]]) -> None:
    known: dict[int, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages_module, "PAGE", 8)
        pages = Pages(hot=1)
        for low, size, ending in made:
            before = Counter(known[o] for o in range(low, low + size + 1) if o in known)
            assert pages.write(low, low + size, ending) == (dict(before), 0)
            for offset in range(low, low + size + 1):
                known.setdefault(offset, ending)
        holes = [o for low, high in pages.holes(0, 100) for o in range(low, high + 1)]
    assert holes == [o for o in range(101) if o not in known]
