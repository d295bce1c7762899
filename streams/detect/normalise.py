"""Undoes disguises, and keeps the way back: every character of a view knows where it stands in the original.

The first view is the text folded: NFKC, lower case, look-alike letters of other alphabets inside Latin words, without
zero-width and control characters. Clean ASCII takes one table look-up a character. Further views are made only where a
cheap sign calls for them: spaced letters, digits for letters, base64, reversed words.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

__all__ = ["View", "folded", "views"]

_CONTROLS = dict.fromkeys(map(chr, chain(range(0x20), [0x7F])), " ")
_UPPER = {chr(code): chr(code + 32) for code in range(65, 91)}
_ASCII = str.maketrans({**_CONTROLS, **_UPPER, chr(10): chr(10)})
_DROPPED = {"Cf", "Cc", "Cs", "Co", "Cn"}
_KEPT = {"\n": "\n", "\t": " ", "\r": " "}
# Letters of other alphabets that look like Latin ones: only inside a word that has Latin letters as well.
_LOOKALIKES: dict[str, str] = dict(
    zip("аеорсухівкмнтьѕјԁһԛԝɡαερτυνικχοη", "aeopcyxibkmhtbsjdhqwgaeptuvikxon", strict=True)
)
_MIXED = re.compile(r"[a-z][Ѐ-ӿͰ-Ͽɡԁԛԝ]|[Ѐ-ӿͰ-Ͽɡԁԛԝ][a-z]")
_WORD = re.compile(r"[\w]+")
# Chinese text as it is mostly written: each character folds to one, so places stay as they are.
_PLAIN = re.compile("[\n\t\r -~\u00b7\u2014\u2018\u2019\u201c\u201d\u3000-\u3011\u4e00-\u9fff\uff01-\uff5e]*")
_LEET = str.maketrans("013457@$!", "oleastasi")
_LEET_WORD = re.compile(r"(?<![\w@$!])(?=[a-z013457@$!]*[a-z])(?=[a-z013457@$!]*[013457@$!])[a-z013457@$!]{4,32}(?!\w)")
_LEET_SIGNS = "013457@$!"
_SPACED_KINDS = bytes(
    ord("w") if chr(code).isalnum() else ord(" ") if chr(code) in " .-_*+/|," else ord("-") for code in range(256)
)
_BASE64_KINDS = bytes(ord("b") if chr(code).isalnum() or chr(code) in "+/_-" else ord(" ") for code in range(256))
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*+/|,]{1,2}){3,}\w(?!\w)")
_SPACED_HAN = re.compile(r"(?:[一-鿿][ .\-_*+/|,·。]{1,2}){2,}[一-鿿]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_BACKWARDS_WORDS = ("eht", "dna", "woh", "rof", "htiw", "taht", "ekam", "etirw")
_BACKWARDS = re.compile(rf"(?:^|\s)(?:{'|'.join(_BACKWARDS_WORDS)})(?=\s|$)")
DECODED_AT_MOST = 20_000


class View(NamedTuple):
    """A text to scan. `offsets` as in `Text`; None means the same places as in the original."""

    text: str
    offsets: list[int] | None
    disguised: bool


def views(original: str) -> Iterator[View]:
    """The folded text first, then what disguises were undone."""
    first = folded(original)
    yield first
    yield from _disguises(original, first)


def folded(original: str) -> View:
    """NFKC, lower case, without what cannot be seen."""
    if original.isascii():
        return View(original.translate(_ASCII), None, False)
    if _PLAIN.fullmatch(original):
        shown = unicodedata.normalize("NFKC", original).lower().replace("\t", " ").replace("\r", " ")
        return View(shown, None, False)
    text, offsets, dropped = _fold(original)
    if _MIXED.search(text):
        undone = _WORD.sub(_latin, text)
        return View(undone, offsets, dropped or undone != text)
    return View(text, offsets, dropped)


def _fold(original: str) -> tuple[str, list[int], bool]:
    """Fold character by character, so that places are known; whether a zero-width character stood inside a word."""
    out: list[str] = []
    offsets: list[int] = []
    hidden = False
    for place, char in enumerate(original):
        if "一" <= char <= "鿿":  # most of Chinese text: nothing to fold
            out.append(char)
            offsets.append(place)
            continue
        kept = _KEPT.get(char)
        if kept is None and unicodedata.category(char) in _DROPPED:
            hidden = hidden or (char != "\ufeff" and bool(out) and out[-1].isalpha())
            continue
        for part in kept or unicodedata.normalize("NFKC", char).casefold():
            if part != "\u0307" and not unicodedata.combining(part):
                out.append(part)
                offsets.append(place)
    return "".join(out), offsets, hidden


def _latin(word: re.Match[str]) -> str:
    text = word[0]
    return "".join(_LOOKALIKES.get(char, char) for char in text) if _MIXED.search(text) else text


def _disguises(original: str, first: View) -> Iterator[View]:
    text = first.text
    spaced, coded = _signs_in_ascii(text) if text.isascii() else _signs(text)
    if spaced:
        yield from _joined(first)
    if _any_in(_LEET_SIGNS, text):
        yield from _unleeted(first)
    if coded:
        yield from _decoded(original)
    if _any_in(_BACKWARDS_WORDS, text) and _BACKWARDS.search(text):
        places = first.offsets or range(len(text))
        yield View(text[::-1], list(places)[::-1], True)


def _any_in(parts: Iterable[str], text: str) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs more than the search
        if part in text:
            return True
    return False


def _signs_in_ascii(text: str) -> tuple[bool, bool]:
    """Whether four letters stand by themselves in a row, and whether a run is long enough for base64: never too few.

    Each character becomes one of three kinds, so that a search for a short run of bytes tells.
    """
    data = text.encode()
    spaced = b"w w w w" in data.translate(_SPACED_KINDS).replace(b"  ", b" ")
    return spaced, b"b" * 16 in data.translate(_BASE64_KINDS)


def _signs(text: str) -> tuple[bool, bool]:
    """The same for any text, by the lengths of its words and the number of its signs."""
    lengths = list(map(len, text.split()))
    spaced = lengths.count(1) >= 3 or any(text.count(sign) >= 3 for sign in ".-_*+/|·")
    return spaced, bool(lengths) and max(lengths) >= 16


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
