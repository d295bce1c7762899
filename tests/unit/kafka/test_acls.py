"""Who may do what: the file's mistakes in their places, what a grant comes to, and what a comparison names."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.kafka.acl_admin import Finding, compare
from streams.kafka.acl_file import read_grants
from streams.kafka.acls import GUARDED, ROLES, Acl, Grant, acls_of
from streams.model import AREAS
from streams.settings import Settings
from streams.written.mistakes import PolicyMistakes

SETTINGS = Settings()
EXAMPLE = Path(__file__).parents[3] / "deploy" / "acls.yaml"


def grants(folder: Path, text: str) -> list[Grant]:
    file = folder / "acls.yaml"
    file.write_text(text, encoding="utf-8")
    return read_grants(file, SETTINGS)


def names(acls: list[Acl], operation: str) -> set[str]:
    return {acl.name.removeprefix("compliance.") for acl in acls if acl.operation == operation and acl.kind == "topic"}


def test_the_example_names_every_role_and_grants_child_safety_to_one_alone() -> None:
    found = read_grants(EXAMPLE, SETTINGS)
    assert {grant.role for grant in found} == {*ROLES, "subscriber"} - {"vault"}
    holders = {acl.principal for acl in acls_of(found, SETTINGS) if "child-safety" in acl.name}
    readers = {
        acl.principal for acl in acls_of(found, SETTINGS) if "child-safety" in acl.name and acl.operation == "read"
    }
    assert readers == {"User:child-protection"}
    assert {"User:trust-safety", "User:security-team"}.isdisjoint(holders)


def test_all_areas_are_all_but_child_safety_which_has_to_be_named(tmp_path: Path) -> None:
    (some,) = grants(tmp_path, "subscriber: [{principal: 'User:s', areas: [all]}]")
    assert set(some.areas) == set(AREAS) - {GUARDED}
    (every,) = grants(tmp_path, "subscriber: [{principal: 'User:s', areas: [all, child-safety]}]")
    assert set(every.areas) == set(AREAS)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_reads_what_is_stored_or_alters_the_cluster_and_workers_delete_nothing(role: str) -> None:
    acls = acls_of([Grant("User:x", role)], SETTINGS)
    assert "tagged" not in names(acls, "read")
    assert {acl.operation for acl in acls if acl.kind == "cluster"} <= {"describe"}
    assert all(acl.pattern == "literal" for acl in acls)
    assert names(acls, "delete") == ({"intake", "intake.plain", "signals"} if role == "janitor" else set())


def test_groups_of_workers_follow_the_setting() -> None:
    other = Settings.model_validate({"worker": {"group": "cell-b"}, "topics": {"prefix": "b."}})
    acls = acls_of([Grant("User:w", "worker")], other)
    assert {acl.name for acl in acls if acl.kind == "group"} == {"cell-b", "cell-b-rates"}
    assert all(acl.name.startswith("b.") for acl in acls if acl.kind == "topic")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("workers: [User:w]", "1:1", 'unknown key "workers"'),
        ("worker: [w]", "1:10", '"w" is no principal'),
        ('worker: ["User:*"]', "1:10", '"User:*" is everybody'),
        ("worker: [User:ANONYMOUS]", "1:10", "is everybody"),
        ("worker: [User:a]\njanitor: [User:a]", "2:11", '"User:a" is worker already'),
        ("worker: User:a", "1:9", '"worker" has to be a list'),
        ("subscriber: [{principal: 'User:s', areas: [malwre]}]", "1:44", 'unknown area "malwre"'),
        ("subscriber: [{principal: 'User:s', topics: [intake]}]", "1:45", "no topic for subscribers"),
        ("subscriber: [{principal: 'User:s'}]", "1:14", "a subscriber of nothing"),
        ("subscriber: [{areas: [all]}]", "1:14", '"principal" is missing'),
        (
            "subscriber: [{principal: 'User:s', areas: [all], groups: [compliance-worker]}]",
            "1:59",
            "no group for subscribers",
        ),
    ],
)
def test_a_mistake_is_shown_in_its_place(tmp_path: Path, text: str, place: str, message: str) -> None:
    with pytest.raises(PolicyMistakes) as told:
        grants(tmp_path, text)
    assert len(told.value.mistakes) == 1
    assert f"acls.yaml:{place}: " in str(told.value)
    assert message in str(told.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yaml: No such file"):
        read_grants(tmp_path / "nothing.yaml", SETTINGS)


WORKER = Grant("User:w", "worker")
HELD = acls_of([WORKER], SETTINGS)


def found(*others: Acl) -> list[Finding]:
    return compare([WORKER], [*HELD, *others], SETTINGS)


def test_what_is_missing_is_named_and_nothing_else() -> None:
    assert found() == []
    assert compare([WORKER], HELD[1:], SETTINGS) == [Finding("missing", HELD[0])]


@pytest.mark.parametrize(
    "acl",
    [
        Acl("User:x", "topic", "compliance.tagged", "read"),
        Acl("User:x", "topic", "compliance.", "read", pattern="prefixed"),
        Acl("User:x", "topic", "*", "read"),
        Acl("User:w", "topic", "compliance.tagged", "read"),
        Acl("User:w", "topic", "compliance.tagged", "write", host="10.0.0.1"),
        Acl("User:x", "group", "compliance-worker", "read"),
        Acl("User:x", "group", "*", "read"),
        Acl("User:w", "cluster", "kafka-cluster", "alter"),
    ],
    ids=str,
)
def test_what_the_file_does_not_grant_is_too_much(acl: Acl) -> None:
    assert found(acl) == [Finding("too_much", acl)]


@pytest.mark.parametrize(
    "acl",
    [
        Acl("User:x", "topic", "orders", "read"),
        Acl("User:x", "topic", "compliance.tagged.old", "read"),
        Acl("User:x", "group", "orders", "read"),
        Acl("User:x", "cluster", "kafka-cluster", "alter"),
        Acl("User:x", "topic", "compliance.tagged", "read", permission="deny"),
    ],
    ids=str,
)
def test_what_is_not_ours_is_left_alone(acl: Acl) -> None:
    assert found(acl) == []


@pytest.mark.parametrize("operation", ["write", "all", "describe"])
def test_a_denial_that_takes_a_grant_away_is_named(operation: str) -> None:
    for principal in ("User:w", "User:*"):
        acl = Acl(principal, "topic", "compliance.tagged", operation, permission="deny")
        assert found(acl) == [Finding("denied", acl)]
