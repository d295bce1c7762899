"""The second reading: sheets on which labels cannot be seen, answers, and how far two readers agree.

A reader gets texts under opaque keys, in an order that tells nothing, the twins of a pair on different sheets, beside
the category (or only the clause, for harmless texts without a twin and a share of the others) that is asked about.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pairs.figures import kappa
from pairs.loading import Text

__all__ = ["AnswerError", "Label", "Table", "agreements", "digest", "keep", "labels", "read_answers", "sheets", "take"]

SECOND = Path(__file__).parent / "second"
AGREEMENT = "agreement.json"
ANSWERS = {"1": True, "0": False, "?": None}
KEYS = "keys.json"  # which text a key stands for: not for readers
BY_CLAUSE = 0.25  # of the pairs are asked about by clause alone, as harmless texts are


class AnswerError(ValueError):
    """An answer that cannot be taken: place and remedy."""


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the second reader says of a text as it was then (`digest`)."""

    id: str
    breaks: bool
    digest: str


class Read(NamedTuple):
    """One text with both labels."""

    text: Text
    second: bool | None  # None: cannot be judged


def digest(text: Text) -> str:
    """16 hexadecimal digits (BLAKE2b) of what a reader sees: kind, messages, what is declared."""
    seen = msgspec.json.encode((text.kind, text.messages, text.declared))
    return hashlib.blake2b(seen, digest_size=8).hexdigest()


def labels(folder: Path = SECOND) -> dict[str, Label]:
    """The second labels by text id. `AnswerError` names file and line of one that is none."""
    decoder = msgspec.json.Decoder(Label)
    found: dict[str, Label] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                label = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise AnswerError(f"{path}:{number}: no second label: {error}") from None
            found[label.id] = label
    return found


def sheets(texts: Iterable[Text], folder: Path, parts: int, seed: int) -> list[Path]:
    """Write `parts` sheets and the file of keys; the sheets' paths.

    `AnswerError` where the folder has keys already: answers to sheets without their keys are lost.
    """
    if (folder / KEYS).exists():
        raise AnswerError(f"{folder / KEYS} is there: take the answers to its sheets first, or name another folder")
    choose = random.Random(seed)  # noqa: S311 - an order, not a secret
    sheet: list[list[tuple[str, str, Text]]] = [[] for _ in range(parts)]
    keys: dict[str, str] = {}
    by_pair: defaultdict[str, list[Text]] = defaultdict(list)
    for text in texts:
        by_pair[text.pair].append(text)
    for pair in sorted(by_pair):
        part, by_clause = choose.randrange(parts), choose.random() < BY_CLAUSE
        twins = sorted(by_pair[pair], key=lambda _: choose.random())
        for place, text in enumerate(twins):
            key = f"{choose.getrandbits(30):07x}"
            keys[key] = text.id
            asked = f"any rule of {text.clause}" if by_clause or text.category is None else text.category
            row = (f"{text.lang} {text.clause}", f"{key} {asked}", text)
            sheet[(part + place * (parts // 2 or 1)) % parts].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KEYS).write_text(json.dumps(keys), encoding="utf-8")
    paths = []
    for number, rows in enumerate(sheet, 1):
        choose.shuffle(rows)
        rows.sort(key=lambda row: row[0])
        path = folder / f"sheet-{number:02}.txt"
        path.write_text("".join(_shown(*row) for row in rows), encoding="utf-8")
        paths.append(path)
    return paths


def _shown(group: str, asked: str, text: Text) -> str:
    declared = json.dumps(msgspec.to_builtins(text.declared), ensure_ascii=False)
    said = "".join(f">{message.role[0].upper()} {message.content}\n" for message in text.messages)
    return f"## {asked} | {group} | {text.kind}{'' if declared == '{}' else f' | declared {declared}'}\n{said}\n"


def read_answers(folder: Path, paths: Sequence[Path], texts: Mapping[str, Text]) -> list[Read]:
    """Answers, a line each: a key, and 1 (breaks), 0, or ? for a text that a reader cannot judge.

    Of two answers to one text the later file's holds. `AnswerError` names file and line of a line that is no answer.
    """
    keys: dict[str, str] = json.loads((folder / KEYS).read_text(encoding="utf-8"))
    found: dict[str, Read] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            key, _, answer = line.strip().partition(" ")
            if not key:
                continue
            if key not in keys or answer not in ANSWERS:
                raise AnswerError(f"{path}:{number}: expected a key of the sheets, and 1 (breaks), 0 or ?")
            if keys[key] in texts:
                found[keys[key]] = Read(texts[keys[key]], ANSWERS[answer])
    return list(found.values())


def take(read: Iterable[Read], folder: Path = SECOND) -> list[str]:
    """Keep the labels, and add to the record of how far readers agreed; ids of texts that are disputed.

    A disputed text is to be rewritten and read again, or dropped with its twin: until then the validator names it.
    """
    known = labels(folder)
    tables: defaultdict[str, Table] = defaultdict(Table, agreements(folder))
    disputed = []
    for text, second in read:
        if second is not None:
            known[text.id] = Label(text.id, second, digest(text))
        if second != text.breaks:
            disputed.append(text.id)
        name = f"{text.lang} {text.category or 'harmless'}"
        tables[name] = tables[name].with_one(text.breaks, second)
    keep(known, folder)
    (folder / AGREEMENT).write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(tables.items())))) + b"\n")
    return sorted(disputed)


def keep(known: Mapping[str, Label], folder: Path = SECOND) -> None:
    """Write the labels, a file for each language."""
    folder.mkdir(parents=True, exist_ok=True)
    for lang in ("en", "zh"):
        lines = [msgspec.json.encode(label) + b"\n" for _, label in sorted(known.items()) if label.id.startswith(lang)]
        (folder / f"{lang}.jsonl").write_bytes(b"".join(lines))


class Table(msgspec.Struct, frozen=True):
    """How the labels of two readers met, of all texts that were read: before anything was rewritten or dropped."""

    both_break: int = 0
    both_harmless: int = 0
    first_breaks: int = 0
    second_breaks: int = 0
    unsure: int = 0

    def with_one(self, first: bool, second: bool | None) -> Table:
        """With one more text."""
        if second is None:
            return msgspec.structs.replace(self, unsure=self.unsure + 1)
        name = ("both_break" if first else "both_harmless") if first == second else "first_breaks"
        if second and not first:
            name = "second_breaks"
        return msgspec.structs.replace(self, **{name: getattr(self, name) + 1})

    def joined(self, other: Table) -> Table:
        """Both together."""
        both = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Table(*(one + two for one, two in both))

    def told(self) -> dict[str, Any]:
        """Texts that both readers labelled, how many alike, how many one could not judge, and Cohen's κ where both
        labels occur."""
        read = self.both_break + self.both_harmless + self.first_breaks + self.second_breaks
        told: dict[str, Any] = {"read": read, "alike": self.both_break + self.both_harmless, "unsure": self.unsure}
        if self.both_break + self.first_breaks:
            told["kappa"] = round(kappa(self.both_break, self.both_harmless, self.first_breaks, self.second_breaks), 3)
        return told


def agreements(folder: Path = SECOND) -> dict[str, Table]:
    """The record of agreement by language and category."""
    path = folder / AGREEMENT
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Table]) if path.exists() else {}
