"""A skip that would do nothing is refused, and says why."""

from __future__ import annotations

import pytest

from streams.lifecycle.skipping import SkipRefused, admit, source_name
from streams.model import Skip
from streams.settings import parse

TOPIC = "compliance.intake"
BOUNDS = {(TOPIC, 0): (10, 20), (TOPIC, 1): (5, 5)}


def wanted(offset: int, partition: int = 0, reason: str = "ends workers") -> Skip:
    return Skip("cell", TOPIC, partition, offset, reason, "eve", 1)


@pytest.mark.parametrize(("offset", "committed", "before"), [(10, None, 0), (15, 12, 3), (12, 12, 0), (19, None, 9)])
def test_it_tells_how_many_unread_records_come_before(offset: int, committed: int | None, before: int) -> None:
    assert admit(wanted(offset), BOUNDS, committed, "g") == before


@pytest.mark.parametrize(
    ("skip", "committed", "said"),
    [
        (wanted(20), None, "holds 10 to 19: there is no offset 20"),
        (wanted(9), None, "holds 10 to 19: there is no offset 9"),
        (wanted(5, partition=1), None, "holds nothing"),
        (wanted(5, partition=2), None, "has no partition 2: it has 2"),
        (wanted(14), 15, "group g has committed 15, so 14 has ended already"),
        (wanted(14, reason="  "), None, "--reason"),
        (wanted(14, reason="x" * 201), None, "--reason"),
        (wanted(14, reason="two\nlines"), None, "--reason"),
    ],
)
def test_what_workers_will_not_come_to_is_refused(skip: Skip, committed: int | None, said: str) -> None:
    with pytest.raises(SkipRefused, match=said) as refused:
        admit(skip, BOUNDS, committed, "g")
    assert refused.value.exit_code == 2


def test_a_source_is_named_with_or_without_the_prefix_and_nothing_else_is_skipped() -> None:
    settings = parse({"STREAMS_TOPICS__PREFIX": "x."})
    assert source_name(settings, "intake.plain") == source_name(settings, "x.intake.plain") == "x.intake.plain"
    with pytest.raises(SkipRefused, match=r"x\.tagged is no topic that workers take events from"):
        source_name(settings, "x.tagged")
