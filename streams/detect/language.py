"""Which language a text is in. Scripts and English function words decide most texts; pycld2 the rest (about 20 µs)."""

from __future__ import annotations

import re

import pycld2

__all__ = ["EVERYDAY", "language_of"]

EVERYDAY = frozenset(
    re.findall(
        r"\w+",
        "the and of to is in that it for you what how with this are be my can i do a an or but not on at by from as "
        "was were has have had will would could should your their there they we he she his her its our if so which who "
        "when where why about all some more than then no into out up me him them these those been does did",
    )
)
_HAN, _KANA, _HANGUL = (re.compile(pattern) for pattern in ("[一-鿿]+", "[぀-ヿ]", "[가-힯]"))
SAMPLE, CLEAR = 600, 64


def language_of(view: str) -> str:
    """ISO 639-1 code of a normalised text, or `un`. Looks at the first 600 characters."""
    sample = view[:SAMPLE]
    if not sample.isascii():
        if _KANA.search(sample):
            return "ja"
        if _HANGUL.search(sample):
            return "ko"
        han = sum(map(len, _HAN.findall(sample)))
        if han * 4 >= len(sample) or han >= 8:
            return "zh"
    elif _is_english(sample[:CLEAR], 4):
        return "en"
    if _is_english(sample, 6):
        return "en"
    return _by_model(sample) if len(sample) >= 20 else "un"


def _is_english(sample: str, one_in: int) -> bool:
    words = sample.split()
    return sum(map(EVERYDAY.__contains__, words)) * one_in >= len(words) > 0


def _by_model(sample: str) -> str:
    try:
        reliable, _, found = pycld2.detect(sample.encode("utf-8", "replace"), isPlainText=True, bestEffort=False)
    except pycld2.error:
        return "un"
    code: str = found[0][1]
    return code[:2] if reliable and code != "un" else "un"
