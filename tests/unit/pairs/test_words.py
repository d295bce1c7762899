"""How texts are cut and compared."""

from __future__ import annotations

import pytest

from pairs.figures import kappa
from pairs.words import near_duplicates, words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Don't RANK people", ["don't", "rank", "people"]),
        ("A座3楼的门", ["a", "座", "3", "楼", "的", "门"]),
        ("offer被毁", ["offer", "被", "毁"]),
        ("…!", []),
    ],
)
def test_english_is_cut_into_words_and_chinese_into_characters(text: str, cut: list[str]) -> None:
    assert words(text) == cut


def test_short_texts_are_duplicates_only_when_they_are_the_same() -> None:
    texts = {"a": "rank the three pies please", "b": "rank the three cakes please", "c": "Rank the three pies, please!"}
    assert list(near_duplicates(texts)) == [("a", "c")]


def test_longer_texts_are_duplicates_when_they_share_half_of_their_trigrams() -> None:
    start = "the committee meets on monday and reads every one of the forty letters"
    texts = {"a": f"{start} aloud", "b": f"{start} again before lunch", "c": "the committee meets on monday to eat"}
    assert list(near_duplicates(texts)) == [("a", "b")]


@pytest.mark.parametrize(
    ("counts", "value"),
    [((2, 2, 0, 0), 1.0), ((1, 1, 1, 1), 0.0), ((20, 15, 5, 10), 0.4), ((2, 0, 0, 0), 1.0)],
)
def test_kappa_is_agreement_beyond_chance(counts: tuple[int, int, int, int], value: float) -> None:
    """The third case is a worked example of Cohen's coefficient: 0.7 agreement, 0.5 by chance."""
    assert kappa(*counts) == pytest.approx(value)
