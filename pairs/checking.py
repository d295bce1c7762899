"""The validator: every way in which a data set can break its promises, with file, line and fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from pairs.loading import Text, files, split_of
from pairs.second import Label, digest
from pairs.words import HAN, LATIN, near_duplicates, words
from streams.model.taxonomy import CATEGORY_AREA, CATEGORY_REQUIREMENT

__all__ = ["NEVER", "Fault", "Placed", "alone", "check", "read"]

NEVER = "csam"  # nothing of this category is written in any form
SHORTEST = 4  # words


class Placed(NamedTuple):
    """A text and where it stands."""

    path: Path
    line: int
    text: Text


class Fault(NamedTuple):
    """One thing that is wrong. Never a word of a text."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def read(paths: Iterable[Path]) -> tuple[list[Placed], list[Fault]]:
    """Every line that can be read, and a fault for each other."""
    decoder = msgspec.json.Decoder(Text)
    placed: list[Placed] = []
    faults: list[Fault] = []
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                placed.append(Placed(path, number, decoder.decode(line)))
            except msgspec.ValidationError as error:
                faults.append(Fault(path, number, f"wrong form: {error}"))
            except (msgspec.DecodeError, UnicodeDecodeError):
                faults.append(Fault(path, number, "invalid JSON"))
    return placed, faults


def check(
    folder: Path, second: Mapping[str, Label] | None = None, others: Mapping[str, str] | None = None
) -> list[Fault]:
    """All faults of a data set.

    `second` holds the second reader's labels by text id; `others` texts that none may be a copy of.
    """
    placed, faults = read(files(folder))
    for one in placed:
        faults += (Fault(one.path, one.line, what) for what in alone(one.text, one.path))
    faults += _ids(placed)
    faults += _twins(placed)
    faults += _copies(placed, others)
    if second is not None:
        faults += _second(placed, second)
    return sorted(faults)


def alone(text: Text, path: Path) -> Iterator[str]:
    """What is wrong with one text by itself, and with the folder it lies in."""
    if text.category is not None and text.category not in CATEGORY_AREA:
        yield f"unknown category {text.category}"
    elif text.category == NEVER:
        yield f"nothing may be written for {NEVER}"
    elif text.category is not None and text.clause != CATEGORY_REQUIREMENT[text.category]:
        yield f"{text.category} is judged by {CATEGORY_REQUIREMENT[text.category]}, not {text.clause}"
    if (text.category is None) != (text.theme is not None):
        yield "a text has either a category or a theme"
    if text.category is None and text.breaks:
        yield "a text without a category cannot break a rule"
    if text.split != split_of(text.pair):
        yield f"split leaks: {text.pair} belongs to {split_of(text.pair)}, not {text.split}"
    if path.parent.name != text.lang:
        yield f"wrong folder for {text.lang}"
    yield from _said(text)


def _said(text: Text) -> Iterator[str]:
    if not text.messages or not all(message.content.strip() for message in text.messages):
        yield "empty message"
        return
    turns = [message.role for message in text.messages if message.role != "system"]
    first, last = ("user", "assistant") if text.kind == "exchange" else ("assistant",) * 2
    if text.kind == "prompt":
        first = last = "user"
    alternate = all(one != other for one, other in pairwise(turns))
    if not turns or turns[0] != first or turns[-1] != last or not alternate:
        yield f"turns do not make a {text.kind}"
    if text.kind == "completion" and len(turns) != 1:
        yield "a completion is one message"
    if len(words(text.whole)) < SHORTEST:
        yield f"under {SHORTEST} words"
    han, latin = len(HAN.findall(text.whole)), len(LATIN.findall(text.whole))
    if (text.lang == "zh") != (han > latin):
        yield f"wrong language: not {text.lang}"
    if not text.why.strip():
        yield "no reason"


def _ids(placed: Sequence[Placed]) -> Iterator[Fault]:
    seen: dict[str, Placed] = {}
    for one in placed:
        if one.text.id in seen:
            other = seen[one.text.id]
            yield Fault(one.path, one.line, f"id {one.text.id} stands in {other.path.name}:{other.line} too")
        seen[one.text.id] = one


def _twins(placed: Sequence[Placed]) -> Iterator[Fault]:
    pairs: defaultdict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        pairs[one.text.pair].append(one)
    for pair, found in pairs.items():
        path, line, text = found[0]
        if text.category is None:
            if len(found) != 1:
                yield Fault(path, line, f"{pair}: a text with a theme is alone")
            continue
        if len(found) != 2:
            yield Fault(path, line, f"{pair}: twin missing" if len(found) == 1 else f"{pair}: {len(found)} texts")
            continue
        twin = found[1].text
        if text.breaks == twin.breaks:
            yield Fault(path, line, f"{pair}: one of the twins breaks the rule, the other does not")
        for what in ("category", "lang", "kind"):
            if getattr(text, what) != getattr(twin, what):
                yield Fault(path, line, f"{pair}: the twin is of another {what}")
        if (text.messages, text.declared) == (twin.messages, twin.declared):
            yield Fault(path, line, f"{pair}: the twins are the same")


def _copies(placed: Sequence[Placed], others: Mapping[str, str] | None) -> Iterator[Fault]:
    """Near duplicates beside twins, which share their words on purpose."""
    by_id = {one.text.id: one for one in placed}
    texts = {name: one.text.whole for name, one in by_id.items()}
    for name, other in near_duplicates(texts):
        one, two = by_id[name], by_id[other]
        if one.text.pair != two.text.pair:
            yield Fault(one.path, one.line, f"near duplicate of {other} in {two.path.name}:{two.line}")
    for name, other in near_duplicates(texts, others) if others else ():
        one = by_id[name]
        yield Fault(one.path, one.line, f"near duplicate of {other}")


def _second(placed: Sequence[Placed], second: Mapping[str, Label]) -> Iterator[Fault]:
    for one in placed:
        label = second.get(one.text.id)
        if label is None:
            yield Fault(one.path, one.line, f"{one.text.id} has no second label")
        elif label.digest != digest(one.text):
            yield Fault(one.path, one.line, f"{one.text.id} was changed since its second label")
        elif label.breaks != one.text.breaks:
            yield Fault(one.path, one.line, f"{one.text.id}: the label disagrees with its second label")
