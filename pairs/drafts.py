"""Drafts: how people write pairs. Plain text without quoting; `python -m pairs add` turns it into lines of the set.

    # en weapons                 language and category (or `harmless`), for all that follows
    @                            a pair begins; of harmless texts `@ figurative P3`: theme and clause
    -b asks for a part to be cut the breaking text, and why it breaks
    -D {"uses": ["military"]}    what the application declares, where the rule reads it
    >S You are …                 system, if there is one
    >U question …                user; lines that follow belong to it
    >A answer …                  assistant
    -h a prop for the stage      the harmless twin, and why it does not break

Whether a text is a prompt, a completion or an exchange follows from its turns.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import msgspec

from pairs.loading import DATA, Declared, Language, Message, Text, files, split_of
from streams.model.taxonomy import CATEGORY_AREA, CATEGORY_REQUIREMENT

__all__ = ["HARMLESS", "Draft", "DraftError", "add", "drop", "line_of", "numbered", "parse"]

HARMLESS = "harmless"
ROLES: dict[str, Literal["system", "user", "assistant"]] = {">S": "system", ">U": "user", ">A": "assistant"}


class DraftError(ValueError):
    """A line of a draft that cannot be read: place and remedy, never the text."""


@dataclass
class Side:
    """One text of a draft."""

    why: str
    declared: Declared = field(default_factory=Declared)
    turns: list[tuple[Literal["system", "user", "assistant"], list[str]]] = field(default_factory=list)

    def messages(self) -> tuple[Message, ...]:
        """Its turns, each without the blank lines around it."""
        return tuple(Message(role, "\n".join(lines).strip()) for role, lines in self.turns)

    def kind(self) -> Literal["prompt", "completion", "exchange"]:
        """Who speaks last and who speaks at all: a prompt, a completion, or an answer with its question."""
        roles = [role for role, _ in self.turns if role != "system"]
        if roles and roles[-1] == "user":
            return "prompt"
        return "exchange" if "user" in roles else "completion"


@dataclass
class Draft:
    """A pair, or one harmless text with a theme, before it has an id."""

    line: int
    lang: Language
    category: str | None
    theme: str | None
    clause: str
    sides: dict[str, Side] = field(default_factory=dict)


def parse(path: Path) -> list[Draft]:
    """The drafts of a file. Raises `DraftError` for the first line that cannot be read."""
    reader = _Reader(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        reader.take(number, line)
    return reader.done()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.head: tuple[Language, str] | None = None
        self.drafts: list[Draft] = []
        self.side: Side | None = None

    def fail(self, number: int, what: str) -> DraftError:
        return DraftError(f"{self.path}:{number}: {what}")

    def take(self, number: int, line: str) -> None:
        mark, _, rest = line.partition(" ")
        if mark == "#" and (found := re.fullmatch(r"# (en|zh) ([a-z_]+)", line.strip())):
            self._head(number, cast(Language, found[1]), found[2])
        elif mark == "@":
            self._begin(number, rest.split())
        elif mark in ("-b", "-h") and self.drafts:
            self._side(number, mark[1], rest)
        elif mark == "-D" and self.side is not None and not self.side.turns:
            try:
                self.side.declared = msgspec.json.decode(rest, type=Declared)
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                raise self.fail(number, f"what is declared cannot be read: {error}") from None
        elif mark in ROLES and self.side is not None:
            self.side.turns.append((ROLES[mark], [rest]))
        elif self.side is not None and self.side.turns:
            self.side.turns[-1][1].append(line)
        elif line.strip():
            raise self.fail(number, "expected `# LANG CATEGORY`, `@`, `-b WHY`, `-h WHY`, `-D {…}`, `>S`, `>U` or `>A`")

    def _head(self, number: int, lang: Language, category: str) -> None:
        if category != HARMLESS and category not in CATEGORY_AREA:
            raise self.fail(number, f"unknown category {category}")
        self.head, self.side = (lang, category), None

    def _begin(self, number: int, rest: list[str]) -> None:
        if self.head is None:
            raise self.fail(number, "`# LANG CATEGORY` comes first")
        lang, category = self.head
        self.side = None
        if category != HARMLESS:
            self.drafts.append(Draft(number, lang, category, None, CATEGORY_REQUIREMENT[category]))
        elif len(rest) >= 2:
            self.drafts.append(Draft(number, lang, None, " ".join(rest[:-1]), rest[-1]))
        else:
            raise self.fail(number, "a harmless text needs `@ THEME CLAUSE`")

    def _side(self, number: int, name: str, why: str) -> None:
        draft = self.drafts[-1]
        if name in draft.sides or (draft.category is None and name == "b"):
            raise self.fail(number, f"-{name} is one too many")
        self.side = draft.sides[name] = Side(why.strip())

    def done(self) -> list[Draft]:
        for draft in self.drafts:
            for name in ("b", "h") if draft.category else ("h",):
                if name not in draft.sides or not draft.sides[name].turns:
                    raise self.fail(draft.line, f"-{name} is missing, or says nothing")
        return self.drafts


def numbered(drafts: Iterable[Draft], folder: Path = DATA) -> Iterator[tuple[Path, Text]]:
    """Texts with ids after the last of their category, and the file each belongs to."""
    last: defaultdict[str, int] = defaultdict(int)
    for path in files(folder):
        for line in path.read_bytes().splitlines():
            stem, number = json.loads(line)["pair"].rsplit("-", 1)
            last[stem] = max(last[stem], int(number))
    for draft in drafts:
        stem = f"{draft.lang}-{draft.category or HARMLESS}"
        last[stem] += 1
        pair = f"{stem}-{last[stem]:0{3 if draft.category else 4}}"
        area = CATEGORY_AREA[draft.category].value if draft.category else HARMLESS
        for name, side in sorted(draft.sides.items()):
            yield (
                folder / draft.lang / f"{area}.jsonl",
                Text(
                    id=f"{pair}-{name}" if draft.category else pair,
                    pair=pair,
                    category=draft.category,
                    theme=draft.theme,
                    breaks=name == "b",
                    lang=draft.lang,
                    kind=side.kind(),
                    messages=side.messages(),
                    declared=side.declared,
                    clause=draft.clause,
                    why=side.why,
                    split=split_of(pair),
                ),
            )


def add(paths: Iterable[Path], folder: Path = DATA) -> int:
    """Append the drafts of these files to the set; the number of texts. Run the validator afterwards."""
    texts = list(numbered((draft for path in paths for draft in parse(path)), folder))
    for path, text in texts:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as out:
            out.write(line_of(text) + b"\n")
    return len(texts)


def drop(pairs: Collection[str], folder: Path = DATA) -> int:
    """Take pairs out of the set; the number of texts. Their numbers are not given again."""
    gone = 0
    for path in files(folder):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["pair"] not in pairs]
        gone += len(lines) - len(kept)
        if len(kept) < len(lines):
            path.write_bytes(b"".join(kept))
    return gone


def line_of(text: Text) -> bytes:
    """A text as one line of the set."""
    return json.dumps(msgspec.to_builtins(text), ensure_ascii=False).encode()
