"""Undoes disguises, and keeps the way back: every character of a view knows where it stands in the original.

The first view is the text folded: NFKC, lower case, look-alike letters of other alphabets inside Latin words, without
zero-width and control characters. ASCII texts are folded all in one, by one look-up a character. Further views are made
only where a sign calls for them: spaced letters, digits for letters, base64, reversed words. Signs are found in the
folded text, by the scan that all detectors share (`SIGNS`, and `WIDE_SIGNS` beyond ASCII); they may be too many, never
too few.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from typing import NamedTuple

from streams.detect.detector import Pattern

__all__ = ["SIGNS", "WIDE_SIGNS", "View", "folded", "folded_of", "undone", "views"]

_ASCII = bytes(
    code if code == 0x0A or code >= 0x80 else 0x20 if code < 0x20 or code == 0x7F else ord(chr(code).lower())
    for code in range(256)
)
_DROPPED = {"Cf", "Cc", "Cs", "Co", "Cn"}
_RUNS = re.compile("(?P<plain>[\n\t\r -~\u4e00-\u9fff]+)|.", re.DOTALL)
_BLANKS = str.maketrans("\t\r", "  ")
# Letters of other alphabets that look like Latin ones: only inside a word that has Latin letters as well.
_LOOKALIKES: dict[str, str] = dict(
    zip("аеорсухівкмнтьѕјԁһԛԝɡαερτυνικχοη", "aeopcyxibkmhtbsjdhqwgaeptuvikxon", strict=True)
)
_MIXED = re.compile(r"[a-z][Ѐ-ӿͰ-Ͽɡԁԛԝ]|[Ѐ-ӿͰ-Ͽɡԁԛԝ][a-z]")
_WORD = re.compile(r"[\w]+")
# Chinese text as it is mostly written: each character folds to one, so places stay as they are.
_PLAIN = re.compile("[\n\t\r -~\u00b7\u2014\u2018\u2019\u201c\u201d\u3000-\u3011\u4e00-\u9fff\uff01-\uff5e]*")
_LEET = str.maketrans("013457@$!", "oleastasi")
_LEET_WORD = re.compile(r"(?<![\w@$!])(?=[a-z]*[013457@$!])(?=[013457@$!]*[a-z])[a-z013457@$!]{4,32}(?!\w)")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*+/|,]{1,2}){3,}\w(?!\w)")
_SPACED_HAN = re.compile(r"(?:[一-鿿][ .\-_*+/|,·。]{1,2}){2,}[一-鿿]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_BACKWARDS_WORDS = ("eht", "dna", "woh", "rof", "htiw", "taht", "ekam", "etirw")
_BACKWARDS = re.compile(rf"(?:^|\s)(?:{'|'.join(_BACKWARDS_WORDS)})(?=\s|$)")
DECODED_AT_MOST = 20_000
# What stands between the letters of a spaced word is on both sides of its inner ones, of which there are two or more.
SIGNS = (
    Pattern("spaced", r"[ .\-_*+/|,][a-z0-9_][ .\-_*+/|,]{1,2}[a-z0-9_][ .\-_*+/|,]"),
    Pattern("leet", r"[a-z][013457@$!]|[013457@$!][a-z]"),
    Pattern("coded", r"[a-z0-9+/_\-]{16}"),
    Pattern("backwards", "|".join(_BACKWARDS_WORDS)),
)
_GAP = r"[ .\-_*+/|,\x{b7}\x{3002}]"
_LETTER = r"[a-z0-9_\x{80}-\x{b6}\x{b8}-\x{3001}\x{3003}-\x{10ffff}]"
_CHINESE = r"[\x{4e00}-\x{9fff}]"
# The same beyond ASCII, where a spaced word may have three letters.
WIDE_SIGNS = (
    Pattern("letters", f"{_GAP}{_LETTER}{_GAP}{{1,2}}{_LETTER}{_GAP}"),
    Pattern("Chinese", f"{_CHINESE}{_GAP}{{1,2}}{_CHINESE}{_GAP}{{1,2}}{_CHINESE}"),
)


class View(NamedTuple):
    """A text to scan. `offsets` as in `Text`; None means the same places as in the original."""

    text: str
    offsets: list[int] | None
    disguised: bool


def views(original: str) -> list[View]:
    """The folded text first, then what disguises were undone, whatever the signs."""
    first = folded(original)
    return [first, *undone(original, first, {"spaced", "leet", "coded", "backwards"})]


def folded_of(originals: Sequence[str]) -> list[View]:
    """The folded texts, as each by itself."""
    plain = [original for original in originals if original.isascii()]
    shown = "\xff".join(plain).encode("latin-1").translate(_ASCII).decode("latin-1").split("\xff")
    if len(plain) == len(originals):
        return [View(text, None, False) for text in shown] if plain else []
    rest = iter(shown)
    return [View(next(rest), None, False) if text.isascii() else folded(text) for text in originals]


def folded(original: str) -> View:
    """NFKC, lower case, without what cannot be seen."""
    if original.isascii():
        return View(original.encode().translate(_ASCII).decode(), None, False)
    if _PLAIN.fullmatch(original):
        shown = unicodedata.normalize("NFKC", original).lower().replace("\t", " ").replace("\r", " ")
        return View(shown, None, False)
    text, offsets, dropped = _fold(original)
    if _MIXED.search(text):
        undone = _WORD.sub(_latin, text)
        return View(undone, offsets, dropped or undone != text)
    return View(text, offsets, dropped)


def _fold(original: str) -> tuple[str, list[int], bool]:
    """Fold what is not ASCII character by character, so that places are known; whether a zero-width character stood
    inside a word."""
    out: list[str] = []
    offsets: list[int] = []
    hidden = False
    for run in _RUNS.finditer(original):
        start, end = run.span()
        if run.lastgroup == "plain":  # nothing to fold in these but case
            out.append(run[0].lower().translate(_BLANKS))
            offsets += range(start, end)
            continue
        parts = _folded_character(run[0])
        if parts is None:
            hidden = hidden or (run[0] != "\ufeff" and bool(out) and out[-1][-1:].isalpha())
        elif parts:
            out.append(parts)
            offsets += [start] * len(parts)
    return "".join(out), offsets, hidden


@lru_cache(maxsize=65_536)
def _folded_character(char: str) -> str | None:
    """What one character folds to; None for one that cannot be seen."""
    if unicodedata.category(char) in _DROPPED:
        return None
    parts = unicodedata.normalize("NFKC", char).casefold()
    return "".join(part for part in parts if part != "\u0307" and not unicodedata.combining(part))


def _latin(word: re.Match[str]) -> str:
    text = word[0]
    return "".join(_LOOKALIKES.get(char, char) for char in text) if _MIXED.search(text) else text


def undone(original: str, first: View, signs: Set[str]) -> Iterator[View]:
    """The further views that signs call for."""
    text = first.text
    if "spaced" in signs:
        yield from _joined(first)
    if "leet" in signs:
        yield from _unleeted(first)
    if "coded" in signs:
        yield from _decoded(original)
    if "backwards" in signs and _BACKWARDS.search(text):
        places = first.offsets or range(len(text))
        yield View(text[::-1], list(places)[::-1], True)


def _joined(first: View) -> Iterator[View]:
    """The text with runs of single letters as words; two spaces inside a run keep words apart."""
    text = first.text
    dropped: set[int] = set()
    for pattern in (_SPACED,) if text.isascii() else (_SPACED, _SPACED_HAN):
        for run in pattern.finditer(text):
            inside = range(run.start(), run.end())
            dropped.update(i for i in inside if not text[i].isalnum() and text[i - 1 : i + 1] != "  ")
    if dropped:
        kept = [i for i in range(len(text)) if i not in dropped]
        places = kept if first.offsets is None else [first.offsets[i] for i in kept]
        yield View("".join(text[i] for i in kept), places, True)


def _unleeted(first: View) -> Iterator[View]:
    """The text with digits and signs read as letters, where they stand inside words."""
    undone = _LEET_WORD.sub(lambda word: word[0].translate(_LEET), first.text)
    if undone != first.text:
        yield View(undone, first.offsets, True)


def _decoded(original: str) -> Iterator[View]:
    """What base64 hides, if it is text. All of it points at the whole run: single places mean nothing inside."""
    for run in _BASE64.finditer(original):
        inside = _base64_text(run[0])
        if " " in inside and all(char.isprintable() or char in "\n\t" for char in inside):
            shown = folded(inside).text
            first, last = run.start(), run.end() - 1
            yield View(shown, [first] * (len(shown) - 1) + [last], True)


def _base64_text(run: str) -> str:
    """The text that a run of base64 stands for; empty when it stands for none."""
    raw = run.rstrip("=").replace("-", "+").replace("_", "/")[: DECODED_AT_MOST // 4 * 4]
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
