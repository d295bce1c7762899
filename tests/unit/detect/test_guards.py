"""Guards: whatever an expression matches holds a string of its guard, and its two parts match what the whole does."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detect.detector import Pattern
from streams.detect.guards import guard_of, guarded
from streams.detect.lexicon import load_lexicon
from streams.detect.scan import Scanner
from streams.detect.text import Text


@cache
def composed() -> list[str]:
    """Every expression of the built-in lexicons that is more than plain phrases."""
    return sorted({expression for concept in load_lexicon().concepts for expression in concept.composed})


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_an_expression_matches_holds_a_string_of_its_guard(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(composed()))
    parted = guarded(expression)
    matched = data.draw(st.from_regex(expression, fullmatch=True))
    parts = [part for part in (parted.open, parted.behind) if part is not None]
    assert any(re.search(part, matched) for part in parts)
    if parted.behind is not None and re.search(parted.behind, matched):
        assert any(string in matched for string in parted.guard)


def test_most_expressions_have_a_guard() -> None:
    assert sum(guarded(expression).behind is not None for expression in composed()) > 0.6 * len(composed())


@pytest.mark.parametrize(
    ("expression", "guard"),
    [
        (r"\b(?:smuggle|traffic)\b", ("smuggle", "traffic")),
        (r"\bcolou?r (?:\w+ ){0,3}blind\b", ("blind",)),
        (r"\b(?:steal|rob) [ab]\b", ("rob a", "rob b", "steal a", "steal b")),
        (r"smuggl(?:e|ing)+", ("smuggl",)),
        (r"(?:who|what)(?: is)?", None),
        (r"\d{3}-\d{4}", None),
        (r".*", None),
        (r"\w+(?:ing|ed)?", None),
        (r"(", None),
    ],
)
def test_a_guard_is_worked_out_from_the_structure(expression: str, guard: tuple[str, ...] | None) -> None:
    assert guard_of(expression) == guard


@pytest.mark.parametrize(
    "expression",
    [r"\b(?:a\|b|c)\b", r"(?:a)(?:b)", r"\b(?:[(|]x|smuggle)\b", "smuggle", r"(?:(?:i|we) (?:smuggle|am))"],
)
def test_parts_together_match_what_the_whole_does(expression: str) -> None:
    parts = [part for part in guarded(expression)[:2] if part is not None]
    for text in ("a|b", "a", "c", "ab", "(x", "|x", "smuggle", "i smuggle", "we am", "i am not"):
        assert bool(re.search(expression, text)) == any(re.search(part, text) for part in parts)


def test_hits_come_in_the_order_of_their_places_and_once() -> None:
    pattern = r"\b(?:(?:\w+ )?smuggle|i am)\b"
    scanner = Scanner({"one": [Pattern("plain", r"\bgoods\b"), Pattern("rare", pattern, composed=True)]})
    text = Text(0, 0, "goods i am and i smuggle goods")
    scanner.scan([text])
    assert text.hits == {"one": [(0, 5), (1, 10), (1, 24), (0, 30)]}
    clean = Text(0, 0, "good morning")
    scanner.scan([clean])
    assert clean.hits == {}


def test_hits_are_told_in_the_text_that_they_are_in() -> None:
    scanner = Scanner({"one": [Pattern("plain", "货物|goods")]})
    views = ["", "goods", "", "这是货物", "no", "goods, 货物", ""]
    texts = [Text(number, 0, view) for number, view in enumerate(views)]
    scanner.scan(texts)
    places = [[place for _, place in text.hits.get("one", [])] for text in texts]
    assert places == [[], [5], [], [4], [], [5, 9], []]
