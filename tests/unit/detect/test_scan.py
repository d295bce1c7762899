"""What the scan gives to detectors, and what it leaves out."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.detect.detector import Pattern
from streams.detect.personal_data import _KINDS, _Kind
from streams.detect.scan import Scanner
from streams.detect.text import Text

PATTERNS = (
    Pattern("bread", r"\bbread\b"),
    Pattern("cheese", r"\bcheese\b"),
    Pattern("fresh", r"\bfresh\b", context=True, beside=frozenset({"bread"})),
    Pattern("old", r"\bold\b", context=True, beside=frozenset({"bread", "cheese"})),
    Pattern("much", r"\bmuch\b", context=True),
)


def found(*views: str) -> list[set[tuple[str, int]]]:
    texts = [Text(number, 0, view) for number, view in enumerate(views)]
    Scanner({"food": PATTERNS}).scan(texts)
    return [{(PATTERNS[number].name, end) for number, end in text.hits.get("food", ())} for text in texts]


def test_context_counts_by_the_side_of_what_it_names_and_nowhere_else() -> None:
    assert found("fresh bread, old bread", "fresh cheese, old cheese", "fresh, old, much", "much é cheese é fresh") == [
        {("fresh", 5), ("bread", 11), ("old", 16), ("bread", 22)},
        {("cheese", 12), ("old", 17), ("cheese", 24)},
        set(),
        {("much", 4), ("cheese", 13)},
    ]


def test_what_counts_in_one_text_does_not_count_in_its_neighbour() -> None:
    assert found("old bread fresh", "cheese fresh", "bread") == [
        {("old", 3), ("bread", 9), ("fresh", 15)},
        {("cheese", 6)},
        {("bread", 5)},
    ]


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.name)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_sign_of_a_kind_of_personal_data_is_in_every_match_of_its_shape(kind: _Kind, data: st.DataObject) -> None:
    """Else the scan would pass over some. Text is folded, so digits and letters are ASCII."""
    text = data.draw(st.from_regex(kind.shape, fullmatch=True, alphabet=st.characters(codec="ascii")))
    scanned = Text(0, 0, text.lower())
    Scanner({"kind": [Pattern(kind.name, kind.sign)]}).scan([scanned])
    assert "kind" in scanned.hits
