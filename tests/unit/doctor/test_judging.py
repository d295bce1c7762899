"""What each check makes of what it saw: ok, a warning, wrong, or not checked; and what it tells people to do."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.codec.records import encode_content, encode_sealed_event
from streams.doctor import surroundings
from streams.doctor.cluster import judge_clock, judge_drifts
from streams.doctor.keeping import check_vault, judge_keys, judge_status
from streams.doctor.progress import Deadline, _deadline, judge_group, judge_lag, judge_tail
from streams.doctor.remark import Remark, State
from streams.doctor.surroundings import check_disk, check_native, check_policy, check_settings
from streams.doctor.working import check_janitor, check_workers
from streams.errors import PolicyError
from streams.kafka.admin import Drift
from streams.kafka.embedded import free_port
from streams.kafka.looking import Group
from streams.lifecycle.serving import Serving
from streams.lifecycle.summing import Bounds, Place
from streams.model import (
    Content,
    Disposition,
    KeyKind,
    Kind,
    Message,
    Metadata,
    PublicKey,
    Receipt,
    Record,
    Role,
    Run,
    TransitClass,
)
from streams.settings import Settings, parse
from streams.vault.keyring import PublicKeys, day_of
from streams.vault.transit import TransitSealer

HOUR, DAY = 3_600_000, 24 * 3_600_000
NOW = 1_700_000_000_000
HEALTHY: dict[str, Any] = {
    "keys": {"transit": 2},
    "oldest_readable_day": None,
    "next_end": None,
    "overdue": 0,
    "ending": [],
}
PLACE = Place("us-1", "compliance.intake", 0)


def states(remarks: list[Remark]) -> list[str]:
    return [remark.state.value for remark in remarks]


def given(**variables: str) -> Settings:
    return parse({f"STREAMS_{name}": value for name, value in variables.items()})


def test_settings_that_exclude_each_other_are_wrong() -> None:
    (remark,) = check_settings(given(TOPICS__MIN_INSYNC="2"))
    assert (remark.state, remark.where) == (State.WRONG, "topics.min_insync")
    assert states(check_settings(given())) == ["ok"]


def test_a_production_that_is_set_up_like_a_trial_is_warned_of() -> None:
    remarks = check_settings(given(KAFKA__BOOTSTRAP="kafka:9092", KAFKA__ALLOW_PLAINTEXT='["kafka"]'))
    assert [remark.where for remark in remarks] == [
        "topics.replication",
        "vault.kek_directory",
        "kafka.allow_plaintext",
    ]


def test_native_libraries_load_and_one_that_does_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(check_native(given())) == ["ok"]
    monkeypatch.setattr(surroundings, "NATIVE", ("msgspec", "no_such_native_library"))
    (remark,) = check_native(given())
    assert (remark.state, remark.where) == (State.WRONG, "no_such_native_library")


def test_the_policy_in_force_is_named_and_one_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    (remark,) = check_policy(given())
    assert remark.state is State.OK
    assert "2023-03-17" in remark.what
    (tmp_path / "2024-01-01").mkdir()
    with pytest.raises(PolicyError):
        check_policy(given(POLICY__BUNDLES=str(tmp_path)))


def test_a_disk_that_is_full_is_wrong_and_one_that_is_elsewhere_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = given(VAULT__DIRECTORY=str(tmp_path))
    for free, state in ((100 << 20, "wrong"), (20 << 30, "warning"), (500 << 30, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: (1 << 40, 0, free))
        assert states(check_disk(settings)) == [state, "not_checked"]


def test_a_drift_that_keeps_longer_is_wrong_and_alike_ones_are_one_remark() -> None:
    longer = [Drift(f"t{i}", "retention.ms", "1", "2", True) for i in range(3)]
    missing, other = Drift("t9", "missing", "there", "not there", False), Drift("t1", "partitions", "8", "4", False)
    remarks = judge_drifts([other, *longer, missing])
    assert states(remarks) == ["wrong", "wrong", "warning"]
    assert any("and 2 topics like it" in remark.what for remark in remarks)
    assert {remark.remedy for remark in remarks} == {"streams topics apply"}
    assert judge_drifts([]) == []


@pytest.mark.parametrize(
    ("ahead_seconds", "state"), [(60, "wrong"), (2, "ok"), (-30, "ok"), (-3_600, "not_checked"), (None, "not_checked")]
)
def test_a_clock_ahead_is_wrong_and_an_old_record_tells_nothing(ahead_seconds: int | None, state: str) -> None:
    newest = None if ahead_seconds is None else NOW + ahead_seconds * 1000
    assert judge_clock(newest, NOW).state.value == state


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ["ok"]),
        ({"overdue": 2}, ["wrong"]),
        ({"oldest_readable_day": "2001-01-01"}, ["wrong"]),
        ({"keys": {}}, ["warning"]),
    ],
)
def test_a_vault_with_overdue_keys_or_an_old_day_breaks_the_promise(
    changed: Mapping[str, Any], expected: list[str]
) -> None:
    assert states(judge_status({**HEALTHY, **changed}, "control.sock")) == expected


def test_a_machine_without_a_vaults_socket_is_told_how_to_leave_it_out(tmp_path: Path) -> None:
    (remark,) = check_vault(given(VAULT__DIRECTORY=str(tmp_path)))
    assert remark.state is State.WRONG
    assert "--without vault" in remark.remedy


def transit(transit_class: TransitClass, age: int, until: int) -> PublicKey:
    name = f"transit-{transit_class.value}"
    return PublicKey(name, KeyKind.TRANSIT, b"P" * 32, NOW - age, NOW + until, NOW + 70 * HOUR, transit_class)


def day(at: int) -> PublicKey:
    return PublicKey(f"day-{day_of(at)}", KeyKind.DAY, b"P" * 32, at, NOW + DAY, NOW + 30 * DAY, None, day_of(at))


def keys(*omit: int, until: int = HOUR) -> dict[str, PublicKey | None]:
    both = [transit(one, HOUR, until) for one in TransitClass]
    every = [*both, day(NOW), day(NOW + DAY)]
    return {key.key_id: key for number, key in enumerate(every) if number not in omit}


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (keys(), ["ok", "ok", "ok"]),
        (keys(0), ["wrong", "ok", "ok"]),
        (keys(1), ["ok", "wrong", "ok"]),
        (keys(2), ["ok", "ok", "wrong"]),
        (keys(3), ["ok", "ok", "warning"]),
        (keys(until=60_000), ["warning", "warning", "ok"]),
        (keys(until=-1), ["wrong", "wrong", "ok"]),
        ({**keys(), "odd": None}, ["ok", "ok", "ok", "warning"]),
        ({}, ["wrong", "wrong", "wrong"]),
    ],
)
def test_each_class_needs_a_key_in_force_and_each_day_its_own(
    published: dict[str, PublicKey | None], expected: list[str]
) -> None:
    assert states(judge_keys(published, NOW, "keys")) == expected


def test_no_worker_on_this_machine_is_wrong_and_a_port_nobody_knows_is_not_checked() -> None:
    (remark,) = check_workers(given(WORKER__HTTP_PORT=str(free_port())))
    assert remark.state is State.WRONG
    assert states(check_workers(given(WORKER__HTTP_PORT="0"))) == ["not_checked"]


def test_a_janitor_tells_why_it_is_not_ready() -> None:
    with Serving("127.0.0.1", 0, lambda: None, lambda: "failed in the last round: rotate") as serving:
        (remark,) = check_janitor(given(JANITOR__HTTP_PORT=serving.address.rpartition(":")[2]))
    assert remark.state is State.WRONG
    assert remark.what == "failed in the last round: rotate"
    assert states(check_janitor(given(JANITOR__HTTP_PORT=str(free_port())))) == ["wrong"]


@pytest.mark.parametrize(
    ("group", "state"),
    [
        (None, "not_checked"),
        (Group("Dead", ()), "wrong"),
        (Group("Empty", ()), "wrong"),
        (Group("PreparingRebalance", ("faust (10.0.0.1)",)), "warning"),
        (Group("Stable", ("faust (10.0.0.1)",)), "ok"),
    ],
)
def test_a_group_without_members_reads_nothing(group: Group | None, state: str) -> None:
    assert judge_group(group, "compliance-worker").state.value == state


@pytest.mark.parametrize(("left_hours", "state"), [(60, "ok"), (30, "warning"), (7, "wrong"), (-1, "wrong")])
def test_lag_is_judged_by_the_time_left_to_read_it(left_hours: int, state: str) -> None:
    head = Record("compliance.intake", 0, 7, NOW - 60_000, None, b"")
    deadlines = [Deadline(NOW + left_hours * HOUR, 72 * HOUR, "key t"), Deadline(NOW + 71 * HOUR, 72 * HOUR, "key u")]
    remark = judge_lag({("compliance.intake", 0): 9}, [head], deadlines, NOW, "compliance-worker")
    assert remark.state.value == state
    assert "9 records wait" in remark.what
    assert "key t" in remark.what


def test_without_lag_all_is_well() -> None:
    assert judge_lag({}, [], [], NOW, "g").state is State.OK


def test_the_deadline_of_a_sealed_event_is_the_end_of_its_own_key_and_of_others_the_retention() -> None:
    ring = PublicKeys()
    key = transit(TransitClass.NO_STORAGE, 0, HOUR)
    ring.put(key)
    meta = Metadata("e", "acme", Kind.PROMPT)
    content = encode_content(Content((Message(Role.USER, "hello"),), {}))
    value = encode_sealed_event(meta, TransitSealer(ring, lambda: NOW).seal(meta, content, TransitClass.NO_STORAGE))
    record = Record("compliance.intake", 0, 7, NOW, None, value)
    assert _deadline(record, "intake", {key.key_id: key}).until == key.end
    assert _deadline(record, "intake", {}).until == NOW + 71 * HOUR
    assert _deadline(record._replace(value=b"no record of ours"), "intake", {}).until == NOW + 71 * HOUR
    assert _deadline(record, "intake.plain", {}).until == NOW + 23 * HOUR


def receipt(first: int, last: int, cell: str = "us-1") -> Receipt:
    return Receipt(cell, PLACE.topic, 0, (Run(first, last, Disposition.STORED),), "w-0", 1, "p", int(time.time()))


def tail(*receipts: Receipt, cut: bool = False, end: int = 1_000, unreadable: int = 0) -> list[Remark]:
    by_place: dict[Place, list[Receipt]] = {}
    for one in receipts:
        by_place.setdefault(Place(one.cell, one.topic, one.partition), []).append(one)
    return judge_tail(by_place, dict.fromkeys(by_place, Bounds(end, end)), unreadable, cut, "us-1", "receipts")


def test_a_tail_of_receipts_without_gaps_is_fine_and_tells_what_is_pending() -> None:
    (remark,) = tail(receipt(500, 599), receipt(600, 899))
    assert remark.state is State.OK
    assert "100 offsets pending" in remark.what


def test_a_gap_in_the_tail_is_named_unless_it_lies_where_the_tail_was_cut() -> None:
    (remark,) = tail(receipt(500, 599), receipt(610, 899))
    assert remark.state is State.WRONG
    assert "600–609" in remark.what
    out_of_order = [receipt(600, 699), *(receipt(700 + i, 700 + i) for i in range(100)), receipt(400, 499)]
    assert states(tail(*out_of_order, cut=True)) == ["ok"]


def test_receipts_of_another_cell_unreadable_ones_and_a_log_made_anew_are_wrong() -> None:
    assert states(tail(receipt(0, 9), receipt(10, 19, "eu-1"))) == ["wrong"]
    assert states(tail(receipt(0, 9), unreadable=1)) == ["wrong"]
    assert states(tail(receipt(0, 9), end=5)) == ["wrong"]
    assert states(tail()) == ["not_checked"]
