"""Plain text takes short ways through normalisation, to the same result."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.detect import normalise
from streams.detect.normalise import folded


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


@given(
    letters=st.lists(st.sampled_from("abcxyz12"), min_size=4, max_size=9),
    signs=st.lists(st.text(" .-_*+/|,", min_size=1, max_size=2), min_size=9, max_size=9),
    before=st.text("ab .,?'\n", max_size=12),
    after=st.text("ab .,?'\n", max_size=12),
)
def test_letters_that_stand_apart_are_seen_whatever_stands_between(
    letters: list[str], signs: list[str], before: str, after: str
) -> None:
    run = "".join(letter + sign for letter, sign in zip(letters[:-1], signs, strict=False)) + letters[-1]
    text = f"{before}\n{run}\n{after}"
    spaced = re.compile(r"(?<!\w)(?:\w[ .\-_*+/|,]{1,2}){3,}\w(?!\w)")
    if spaced.search(text):
        assert normalise._signs_in_ascii(text)[0]


@given(st.text("abcXYZ189+/=\n ,", max_size=80))
def test_no_run_of_base64_is_passed_over(text: str) -> None:
    if re.search(r"[A-Za-z0-9+/_-]{16,}", text):
        assert normalise._signs_in_ascii(text.lower())[1]
