"""Checks run side by side, each in its own time; what was not looked at is never called fine."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from streams.doctor.remark import Remark, State, not_checked, ok, warning, wrong
from streams.doctor.running import Check, examine
from streams.errors import BrokerUnavailable
from streams.settings import Settings, parse

SETTINGS = parse({})


def fine(settings: Settings) -> Sequence[Remark]:
    return [ok("fine")]


def broken(settings: Settings) -> Sequence[Remark]:
    return [ok("one part"), wrong("another part", "there", "mend it")]


def states(*checks: Check, without: Sequence[str] = ()) -> dict[str, list[State]]:
    return {one.check: [remark.state for remark in one.remarks] for one in examine(checks, SETTINGS, without)}


def test_a_check_that_hangs_is_told_and_the_others_are_not_held_up() -> None:
    end = threading.Event()

    def hang(settings: Settings) -> Sequence[Remark]:
        end.wait()
        return [ok("late")]

    results = examine([Check("hang", hang, seconds=0.05), Check("fine", fine)], SETTINGS)
    end.set()
    assert [(one.check, one.remarks[0].state) for one in results] == [("hang", State.WRONG), ("fine", State.OK)]
    assert "no answer within 0.05 s" in results[0].remarks[0].what


def test_what_needs_a_part_that_is_wrong_is_not_looked_at_and_says_why() -> None:
    found = examine([Check("second", fine, ("first",)), Check("first", broken)], SETTINGS)
    assert [one.check for one in found] == ["second", "first"], "told in the order given"
    assert found[0].remarks == (not_checked("needs first, where something is wrong"),)


def test_a_warning_does_not_keep_others_from_looking() -> None:
    def odd(settings: Settings) -> Sequence[Remark]:
        return [warning("odd", "there", "mend it")]

    assert states(Check("first", odd), Check("second", fine, ("first",)))["second"] == [State.OK]


def test_what_is_left_out_is_not_checked_nor_is_what_needs_it() -> None:
    found = states(Check("first", fine), Check("second", fine, ("first",)), without=["first"])
    assert found == {"first": [State.NOT_CHECKED], "second": [State.NOT_CHECKED]}


def test_an_error_of_ours_is_told_and_of_a_defect_its_type_alone() -> None:
    def away(settings: Settings) -> Sequence[Remark]:
        raise BrokerUnavailable("nobody at kafka:9092")

    def defect(settings: Settings) -> Sequence[Remark]:
        raise ValueError("what a customer wrote")

    def silent(settings: Settings) -> Sequence[Remark]:
        return []

    away_, defect_, silent_ = examine([Check("a", away), Check("d", defect), Check("s", silent)], SETTINGS)
    assert away_.remarks[0].what == "nobody at kafka:9092"
    assert defect_.remarks[0].what == "this check itself failed: ValueError"
    assert silent_.remarks[0].state is State.WRONG
    assert not any(one.sound for one in (away_, defect_, silent_))


def test_checks_that_need_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="need each other: a, b"):
        examine([Check("a", fine, ("b",)), Check("b", fine, ("a",))], SETTINGS)
