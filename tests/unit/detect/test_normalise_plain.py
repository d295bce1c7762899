"""Plain text takes short ways through normalisation, to the same result."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detect import normalise
from streams.detect.engine import DetectorSet, _Part
from streams.detect.marker import MarkerDetector
from streams.detect.normalise import folded, folded_of, views


@cache
def detectors() -> DetectorSet:
    return DetectorSet([MarkerDetector()])


def plain_characters() -> list[str]:
    """Every character that the short way takes, but the Han ones, which stay as they are."""
    every = (chr(code) for code in range(0x11000) if not 0x4E00 <= code <= 0x9FFF)
    return [char for char in every if normalise._PLAIN.fullmatch(char)]


def test_every_plain_character_folds_to_the_one_that_the_long_way_gives() -> None:
    for char in plain_characters():
        text, offsets, hidden = normalise._fold(char)
        assert folded("中" + char).text == "中" + text, f"U+{ord(char):04X}"
        assert (offsets, hidden) == ([0], False), f"U+{ord(char):04X}"


def test_the_short_way_takes_what_is_written_every_day() -> None:
    assert len(plain_characters()) > 190
    view = folded("会议“九点”开始\uff0cPlease 带上\uff21BC\uff01")
    assert (view.text, view.offsets) == ("会议“九点”开始,please 带上abc!", None)


@pytest.mark.parametrize("char", ["\u200b", "\u0130", "…", "㈱", "ﬁ", "é", "\x00", "\x7f", "а"])
def test_all_else_takes_the_long_way(char: str) -> None:
    assert folded("中" + char).offsets is not None


CODED = "aGVsbG8gdGhlcmUgZnJpZW5k"
WORDS = st.text("abcxyz12_é中九", min_size=1, max_size=1) | st.sampled_from(
    [
        "中文",
        "é2",
        "hello",
        "the",
        "eht",
        "taht",
        "dna",
        "he11o",
        "s!gn",
        "2023",
        "wow!",
        "aGVsbG8gdGhlcmUgZnJpZW5k",
        "UGxlYXNlIHJlYWQ=",
    ]
)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, st.text(" .-_*+/|,·。\n?", min_size=1, max_size=2)), max_size=14))
def test_no_sign_of_a_disguise_is_passed_over(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + between for word, between in parts)
    read = detectors()._read([_Part(0, 0, 0, text)])
    assert [(one.view, one.offsets) for one in read] == [(one.text, one.offsets) for one in views(text) if one.text]


def test_texts_that_are_folded_in_one_come_out_as_each_by_itself() -> None:
    texts = [
        "One",
        "",
        "中文 Zwei",
        "THREE\x00\x7f\t3",
        "",
        "aGVsbG8gdGhlcmUgZnJpZW5k",
        "x\ny",
        "aGVsbG8gdGhlcmUgZnJpZW5k!",
    ]
    for some in (texts, texts[:2], texts[2:3], [""], []):
        assert folded_of(some) == [folded(text) for text in some]
