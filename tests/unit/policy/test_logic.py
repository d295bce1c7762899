"""Unknown is not false: and, or, not in three values, and what makes a fact unknown."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from streams.model import Audience, Gap, GapReason, Kind, Truth
from streams.policy.bundle import Condition
from streams.policy.meaning import Vocabulary
from streams.policy.view import View, key_of
from tests.unit.policy.made import built_in, matched, signal, truths

VOCABULARY = Vocabulary(
    {"content": 70},
    {"gambling": frozenset(), "legal": frozenset({"disclaimer"})},
    {"ai_notice": "ai_notice"},
)
VALUES = {True: "enterprise", False: "in_conversation", None: "reviewed"}
GAP = (Gap("lexicons", GapReason.FAILED),)


def judge(text: str, view: View | None = None) -> bool | None:
    return Condition.of(text, VOCABULARY).judge(view if view is not None else three())


def three() -> View:
    """A view with one fact of each truth."""
    view = View(bytes(len(signal().scores)))
    view.enterprise, view.in_conversation, view.reviewed = True, False, None
    view.kind = Kind.PROMPT
    return view


def seen(**given: Any) -> View:
    return View.of(signal(**given), {"language": frozenset()})


@pytest.mark.parametrize(("a", "b"), list(product([True, False, None], repeat=2)))
def test_and_and_or_are_kleenes(a: bool | None, b: bool | None) -> None:
    both = False if a is False or b is False else (None if a is None or b is None else True)
    either = True if a is True or b is True else (None if a is None or b is None else False)
    assert judge(f"{VALUES[a]} and {VALUES[b]}") is both
    assert judge(f"{VALUES[a]} or {VALUES[b]}") is either


@pytest.mark.parametrize(("value", "opposite"), [(True, False), (False, True), (None, None)])
def test_not_leaves_unknown_as_it_is(value: bool | None, opposite: bool | None) -> None:
    assert judge(f"not {VALUES[value]}") is opposite
    assert judge(f"not not {VALUES[value]}") is value


@pytest.mark.parametrize(
    ("text", "score", "gap", "truth"),
    [
        ("score(malware) >= content", 70, False, True),
        ("score(malware) >= content", 69, False, False),
        ("score(malware) > content", 70, False, False),
        ("score(malware) > content", 71, False, True),
        ("score(malware) < content", 69, False, True),
        ("score(malware) <= content", 70, False, True),
        ("score(malware) <= content", 71, False, False),
        ("score(malware) >= content", 80, True, True),  # it can only be higher
        ("score(malware) >= content", 10, True, None),
        ("score(malware) < content", 80, True, False),
        ("score(malware) < content", 10, True, None),
        ("score(malware) > 100", 10, True, False),  # nothing is
        ("score(malware) >= 0", 0, True, True),
    ],
)
def test_a_gap_leaves_open_what_it_could_change(text: str, score: int, gap: bool, truth: bool | None) -> None:
    assert judge(text, seen(malware=score, gaps=GAP if gap else ())) is truth


def test_a_gap_touches_the_labels_of_its_detector() -> None:
    only_language = (Gap("language", GapReason.FAILED),)
    assert judge("score(malware) >= content", seen(gaps=only_language)) is False
    assert judge("score(malware) >= content", seen(gaps=(*only_language, *GAP))) is None


def test_undeclared_facts_are_unknown_but_undeclared_uses_are_not_declared() -> None:
    nothing = seen(language="un")
    assert judge("reviewed", nothing) is None
    assert judge("audience == consumer", nothing) is None
    assert judge("audience != consumer", nothing) is None
    assert judge("simulated not in (none, labelled)", nothing) is None
    assert judge("language == en", nothing) is None
    assert judge("use(gambling)", nothing) is False
    assert judge("disclosed(ai_notice)", nothing) is False
    assert judge("declared(reviewed) or declared(audience) or declared(simulated)", nothing) is False


def test_declared_facts_are_read() -> None:
    view = seen(
        uses=("gambling", "legal"),
        audience=Audience.CONSUMER,
        reviewed=False,
        simulated="historical",
        disclosures=("ai_notice",),
        conversation="c",
        facts={"enterprise": True},
    )
    text = """
        use(gambling) and any_use(gambling, legal) and use_group(disclaimer)   # and a comment
        and audience == consumer and declared(reviewed) and not reviewed and simulated in (historical, none)
        and disclosed(ai_notice) and in_conversation and enterprise and not business_associate
        and kind in (completion, exchange) and kind != prompt and mode == standard and language == "en"
    """
    assert judge(text, view) is True


def test_an_event_says_more_than_its_account_about_review() -> None:
    assert judge("reviewed", seen(facts={"reviewed": True})) is True
    assert judge("reviewed", seen(reviewed=False, facts={"reviewed": True})) is False
    assert judge("reviewed", seen(reviewed=True, facts={"reviewed": False})) is True


def test_a_simulation_of_a_kind_nobody_knows_is_not_covered() -> None:
    assert matched(signal(simulated="whatever")) == {"simulated_person.missing"}


def test_an_excuse_has_to_be_shown() -> None:
    assert truths(signal(malware=80, gaps=GAP))["malware.build"] is Truth.MATCHED
    assert "malware.build" not in truths(signal(malware=80, defensive=60, gaps=GAP))
    assert "malware.build" not in truths(signal(malware=10, defensive=60, gaps=GAP)), "excused whatever the score"


def test_a_gap_makes_the_decision_incomplete_even_where_nothing_is_open() -> None:
    decision = built_in().decide([signal(gaps=(Gap("language", GapReason.FAILED),))])[0]
    assert (decision.matched, decision.unknown, decision.complete) == ((), (), False)


def test_a_gap_of_everything_names_the_most_severe_unknown_rules_and_no_more_than_sixteen() -> None:
    decision = built_in().decide([signal(gaps=GAP)])[0]
    assert not decision.complete
    assert len(decision.unknown) == 16
    assert [verdict.rule for verdict in decision.unknown[:2]] == ["child_safety.csam", "child_safety.exploitation"]


def test_what_a_view_reads_is_in_the_key() -> None:
    plain = key_of(signal())
    others = [
        signal(malware=1),
        signal(gaps=GAP),
        signal(Kind.PROMPT),
        signal(uses=("gambling",)),
        signal(audience=Audience.CONSUMER),
        signal(disclosures=("ai_notice",)),
        signal(reviewed=True),
        signal(simulated="none"),
        signal(conversation="c"),
        signal(language="zh"),
        signal(facts={"uses": ("gambling",)}),
        signal(facts={"disclosures": ("ai_notice",)}),
        signal(facts={"reviewed": True}),
        signal(facts={"mode": "edge"}),
        signal(facts={"enterprise": True}),
        signal(facts={"business_associate": True}),
    ]
    keys = {plain, *(key_of(other) for other in others)}
    assert len(keys) == len(others) + 1
    assert key_of(signal(at=5)) == plain
