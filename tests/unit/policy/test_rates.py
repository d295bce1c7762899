"""Rate rules are judged from counts, whatever their order, once a stretch, in bounded memory."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.model import Action, Area, Count, Source, Stage, StorageMode, Violation
from streams.policy.rates import LATE_MINUTES, RateJudge, rate_violation_id
from tests.unit.policy.made import built_in

MINUTE = 60_000
START = 28_333_320  # a minute of November 2023 in which a stretch of 60 begins


def count(label: str, minute: int, events: int, account: str = "acme", offset: int | None = None) -> Count:
    place = minute if offset is None else offset
    source = Source("cell", "compliance.intake", 0, place, (START + minute) * MINUTE)
    return Count(account, label, (START + minute) * MINUTE, events, source)


def judge(capacity: int = 100) -> RateJudge:
    return RateJudge(built_in(), lambda _: StorageMode.STANDARD, capacity)


def rules(found: list[Violation]) -> list[str]:
    return [violation.rule for violation in found]


def test_a_window_that_holds_enough_is_a_violation_and_one_less_is_none() -> None:
    assert judge().take([count("spam", 0, 15), count("spam", 59, 14)]) == []
    (found,) = judge().take([count("spam", 0, 15), count("spam", 59, 15)])
    assert (found.rule, found.area, found.category, found.account) == (
        "spam.rate",
        Area.FRAUD_DECEPTION,
        "spam",
        "acme",
    )
    assert (found.stage, found.recommended, found.score) == (Stage.ENFORCE, Action.REVIEW, 100)
    assert (found.application, found.end_user, found.conversation) == (None, None, None)
    assert (found.policy, found.version) == (built_in().bundles[0].digest, "2023-03-17")
    stretch = (START + 59) // 60
    assert found.violation_id == rate_violation_id("cell", "acme", found.policy, "spam.rate", stretch)


def test_minutes_further_apart_than_the_window_do_not_add_up() -> None:
    assert judge().take([count("spam", 0, 29), count("spam", 60, 29)]) == []


def test_accounts_and_labels_do_not_add_up() -> None:
    taken = [count("spam", 0, 29), count("spam", 0, 29, "other"), count("astroturfing", 0, 29), count("malware", 0, 99)]
    assert judge().take(taken) == []


def test_p7_coordination_is_judged_over_a_day_by_either_rate() -> None:
    assert rules(judge().take([count("coordinated_inauthentic_behavior", m * 60, 1) for m in range(20)])) == [
        "coordinated_inauthentic_behavior.rate"
    ]
    assert rules(judge().take([count("astroturfing", m * 60, 5) for m in range(10)])) == [
        "coordinated_inauthentic_behavior.rate"
    ]


def test_p9_campaign_material_in_volume() -> None:
    assert rules(judge().take([count("campaign_material", m, 10) for m in range(5)])) == ["campaign_volume.rate"]
    assert judge().take([count("campaign_material", m, 10) for m in range(4)]) == []


def test_a_flood_is_one_violation_a_stretch() -> None:
    one = judge()
    found = one.take([count("spam", minute, 100) for minute in range(180)])
    assert (
        len(found)
        == len({violation.violation_id for violation in found})
        == len({(START + m) // 60 for m in range(180)})
    )


def test_a_count_that_comes_again_counts_once() -> None:
    assert judge().take([count("spam", 0, 20)] * 5) == []
    assert len(judge().take([count("spam", 0, 20, offset=1), count("spam", 0, 20, offset=2)])) == 1


COUNTS = st.builds(
    count,
    st.sampled_from(("spam", "campaign_material", "astroturfing")),
    st.integers(0, LATE_MINUTES),
    st.integers(1, 40),
    st.sampled_from(("acme", "other")),
    st.integers(0, 5),
)


@given(st.lists(COUNTS, max_size=30), st.integers(0, 1000))
def test_order_and_repeats_change_nothing(taken: list[Count], seed: int) -> None:
    straight = {violation.violation_id for violation in judge().take(taken)}
    mixed = taken + taken[: len(taken) // 2]
    Random(seed).shuffle(mixed)
    one = judge()
    shuffled = [violation.violation_id for part in (mixed[::2], mixed[1::2]) for violation in one.take(part)]
    assert set(shuffled) == straight
    assert len(shuffled) == len(straight), "each comes out once"


def test_what_comes_too_late_is_counted_and_takes_no_part() -> None:
    one = judge()
    assert one.take([count("spam", LATE_MINUTES + 1, 1), count("spam", 0, 1000)]) == []
    assert one.late == 1


def test_a_label_that_does_not_exist_is_not_taken() -> None:
    one = judge()
    assert one.take([count("no_such_label", 0, 1000)]) == []
    assert one.late == 1


def test_accounts_beyond_the_capacity_are_dropped_and_counted() -> None:
    one = judge(capacity=2)
    one.take([count("spam", 0, 29, name) for name in ("a", "b", "c")])
    assert one.evicted == 1
    assert rules(one.take([count("spam", 1, 1, "c")])) == ["spam.rate"]
    assert one.take([count("spam", 1, 1, "a")]) == [], "forgotten, and said so"
    assert one.evicted == 2


def test_more_sources_than_can_be_told_apart_still_count() -> None:
    found = judge().take([count("spam", 0, 1, offset=offset) for offset in range(1_100)])
    assert rules(found) == ["spam.rate"]


def test_minutes_that_are_over_keep_their_sum() -> None:
    one = judge()
    one.take([count("coordinated_inauthentic_behavior", 0, 1, offset=offset) for offset in range(19)])
    assert rules(one.take([count("coordinated_inauthentic_behavior", 600, 1)])) == [
        "coordinated_inauthentic_behavior.rate"
    ]
