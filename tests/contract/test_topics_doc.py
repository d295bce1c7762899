"""docs/topics.md shows the table of topics as it is in the code."""

from __future__ import annotations

import re
from pathlib import Path

from streams.kafka.topics import HOUR, TOPICS, Topic

TEXT = (Path(__file__).parents[2] / "docs/topics.md").read_text(encoding="utf-8")
ROWS = {row[0]: row for row in re.findall(r"^\| `([\w.-]+)` \|" + r" ([^|]+) \|" * 8 + "$", TEXT, re.M)}


def hours(told: str) -> int | None:
    """A life as hours: `3 d`, `72 h`; None for ever."""
    if told == "for ever":
        return None
    number, unit = told.split()
    return int(number) * (24 if unit == "d" else 1)


def shown(one: Topic) -> str:
    return "violations.AREA" if one.name.startswith("violations.") else one.name


def test_each_topic_has_its_row_with_cleanup_lives_time_and_partitions() -> None:
    assert list(ROWS) == list(dict.fromkeys(map(shown, TOPICS)))
    for one in TOPICS:
        _, _, _, cleanup, retention, promised, clock, partitions, _ = ROWS[shown(one)]
        assert cleanup == one.cleanup.value
        assert hours(retention) == (None if one.retention < 0 else one.retention // HOUR)
        assert hours(promised) == (None if one.promised is None else one.promised // HOUR)
        assert clock == ("append" if one.append_time else "create")
        assert partitions == ("1" if one.single else "N")
