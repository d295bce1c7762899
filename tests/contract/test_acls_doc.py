"""docs/operations.md and deploy/acls.yaml show the table of roles as it is in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.kafka.acl_file import read_grants
from streams.kafka.acls import ANY, RATES, ROLES, SUBSCRIBED, WORKERS, Allow
from streams.kafka.topics import TOPICS
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ROWS = {row[0]: list(row[1:]) for row in re.findall(r"^\| `(\w+)` \|" + r" ([^|]+) \|" * 6 + "$", TEXT, re.M)}
GROUPS = {WORKERS: "`compliance-worker`", RATES: "`compliance-worker-rates`", ANY: "all"}


def topics(allows: tuple[Allow, ...], operation: str) -> str:
    named = [name for one in allows if one.kind == "topic" and operation in one.operations for name in one.names]
    if set(named) == {topic.name for topic in TOPICS}:
        return "all"
    shown = dict.fromkeys("violations.AREA" if name.startswith("violations.") else name for name in named)
    return ", ".join(f"`{name}`" for name in shown) or "–"


def groups(allows: tuple[Allow, ...]) -> str:
    told = [
        f"{one.operations[0]} {', '.join(GROUPS[name] for name in one.names)}" for one in allows if one.kind == "group"
    ]
    return "; ".join(told) or "–"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_row(role: str) -> None:
    allows = ROLES[role]
    altered = {topics(allows, operation) for operation in ("create", "alter", "alter_configs")}
    assert len(altered) == 1, "they are one column"
    expected = [topics(allows, operation) for operation in ("read", "write", "delete")]
    expected += [*altered, topics(allows, "describe_configs"), groups(allows)]
    assert ROWS[role] == expected


def test_no_role_is_told_of_that_is_not_there_and_the_subscriber_is() -> None:
    assert set(ROWS) == set(ROLES)
    named = ", ".join(f"`{name}`" for name in SUBSCRIBED)
    assert f"A `subscriber` reads the `violations.AREA` topics of its areas, and of {named} those" in TEXT


def test_the_example_holds() -> None:
    assert len(read_grants(ROOT / "deploy/acls.yaml", Settings())) > len(ROLES)


def test_who_has_what_on_the_cluster_is_told() -> None:
    holders = [role for role, allows in ROLES.items() if any(one.kind == "cluster" for one in allows)]
    assert f"`{'`, `'.join(holders[:-1])}` and `{holders[-1]}` may look at permissions" in TEXT
