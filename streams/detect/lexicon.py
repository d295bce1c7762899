"""Lexicons: named sets of phrases (concepts), and what their meeting means (clues). Data, checked when it is read.

A phrase is words in lower case. English ones need word edges, Chinese ones have none; a `*` at the end stands for any
ending of the word; a space for spaces or hyphens. `re:` gives a Hyperscan expression for the rare case.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from streams.errors import PolicyError
from streams.model import AREAS, INDEX
from streams.written.mistakes import Mistake, PolicyMistakes, did_you_mean
from streams.written.reading import Entry, File

__all__ = ["BUILT_IN", "Clue", "Concept", "Lexicon", "Sample", "expression", "expressions", "load_lexicon"]

BUILT_IN = Path(__file__).parent / "lexicons"
NEAR = 120
NEAR_MOST = 2_000
RELIEF = 60
JOINED = 25  # phrases in one expression; many more compile slower again
LANGUAGES = ("en", "zh")
COMPOSED = "re:"
_HAN = re.compile("[一-鿿]")


class Concept(NamedTuple):
    """A named set of phrases, as Hyperscan expressions: those of plain phrases, and those that were written as such."""

    name: str
    expressions: tuple[str, ...]
    composed: tuple[str, ...] = ()


class Clue(NamedTuple):
    """A label gets a score where all concepts occur within `near` characters of the first of them.

    Where a concept of `unless` occurs as near, the score is lowered by `relief`. The first concept is to be the rarest:
    texts without it are not looked at further.
    """

    id: str
    label: int
    score: int
    all: tuple[str, ...]
    near: int
    unless: tuple[str, ...]
    relief: int


class Sample(NamedTuple):
    """A text by which clues are tested: `match` must score 50 or more, `miss` must not."""

    text: str
    match: tuple[str, ...]
    miss: tuple[str, ...]


class Lexicon(NamedTuple):
    """All concepts, clues and samples of a folder, and the digest of its files."""

    concepts: tuple[Concept, ...]
    clues: tuple[Clue, ...]
    samples: tuple[Sample, ...]
    digest: str


def expression(phrase: str) -> str:
    r"""A phrase as a Hyperscan expression over normalised text. An apostrophe may be straight, curly or left out.

    >>> expression("break into")
    '\\bbreak[ \\n\\-]{1,3}into\\b'
    >>> expression("hack*")
    '\\bhack'
    """
    return phrase.removeprefix(COMPOSED) if phrase.startswith(COMPOSED) else "".join(_parts(phrase))


def expressions(phrases: Iterable[str]) -> tuple[str, ...]:
    r"""Plain phrases as few expressions: those with the same edges are joined, which compiles several times faster.

    >>> expressions(["rob", "steal", "hack*"])
    ('\\b(?:rob|steal)\\b', '\\bhack')
    """
    made: list[str] = []
    joined: dict[tuple[str, str], list[str]] = {}
    for phrase in dict.fromkeys(phrases):
        left, body, right = _parts(phrase)
        joined.setdefault((left, right), []).append(body)
    for (left, right), bodies in joined.items():
        for start in range(0, len(bodies), JOINED):
            some = bodies[start : start + JOINED]
            made.append(f"{left}(?:{'|'.join(some)}){right}" if len(some) > 1 else f"{left}{some[0]}{right}")
    return tuple(made)


def _parts(phrase: str) -> tuple[str, str, str]:
    """A plain phrase as left edge, body and right edge."""
    open_end = phrase.endswith("*")
    text = unicodedata.normalize("NFKC", phrase.removesuffix("*")).casefold().strip()
    body = r"[ \n\-]{1,3}".join(re.escape(word).replace("'", "['’]?") for word in text.split())
    if _HAN.search(text):
        return "", body.replace(r"[ \n\-]{1,3}", r"[ \n\-]{0,3}"), ""
    left = r"\b" if re.match(r"\w", text) else ""
    right = "" if open_end or not re.search(r"\w$", text) else r"\b"
    return left, body, right


def load_lexicon(folder: Path | None = None) -> Lexicon:
    """Read all files of a folder. `PolicyError` shows every mistake with file, line, caret and hint."""
    folder = folder or BUILT_IN
    paths = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not paths:
        raise PolicyError(f"no lexicons (*.yaml) in {folder}")
    reader = _Reader()
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        file = File.read(path, path.name)
        digest.update(path.name.encode() + b"\0" + file.text.text.encode() + b"\0")
        reader.read(file)
    mistakes = reader.mistakes()
    if mistakes:
        raise PolicyMistakes(mistakes)
    return Lexicon(tuple(reader.concepts.values()), tuple(reader.clues), tuple(reader.samples), digest.hexdigest())


class _Reader:
    """Reads files, then checks what they say of each other."""

    def __init__(self) -> None:
        self.concepts: dict[str, Concept] = {}
        self.clues: list[Clue] = []
        self.samples: list[Sample] = []
        self._files: list[File] = []
        self._named: list[tuple[File, yaml.Node, str, str]] = []

    def read(self, file: File) -> None:
        self._files.append(file)
        top = file.top()
        if top is None:
            return
        top.choice("area", (*(area.value for area in AREAS), "shared"))
        concepts = top.entry("concepts")
        if concepts is not None:
            for name, node in concepts.keys():  # noqa: SIM118 - an Entry, which notes what was taken
                self._concept(concepts, name, node)
        for entry in top.entries("clues"):
            self._clue(entry)
        for entry in top.entries("examples"):
            self._sample(entry)
        top.done()

    def mistakes(self) -> list[Mistake]:
        """Every mistake, those between files included."""
        ids = [clue.id for clue in self.clues]
        for file, node, kind, name in self._named:
            known = self.concepts if kind == "concept" else ids
            if name not in known:
                file.wrong(
                    node.start_mark.index,
                    node.end_mark.index,
                    f'unknown {kind} "{name}"',
                    did_you_mean(name, list(known)),
                )
        return [mistake for file in self._files for mistake in file.mistakes]

    def _concept(self, concepts: Entry, name: str, node: yaml.Node) -> None:
        if name in self.concepts:
            concepts.wrong(node, f'concept "{name}" is there twice')
            return
        phrases = concepts.entry(name)
        if phrases is None:
            return
        found: list[str] = []
        for language in LANGUAGES:
            for word, place in phrases.words(language):
                if len(word.rstrip("*")) < (1 if language == "zh" else 2):
                    phrases.wrong(place, f'"{word}" is too short')
                found.append(word)
        if not found:
            concepts.wrong(node, f'concept "{name}" has no phrase', "add en: [...] or zh: [...]")
        phrases.done()
        plain = [phrase for phrase in found if not phrase.startswith(COMPOSED)]
        composed = [phrase.removeprefix(COMPOSED) for phrase in found if phrase.startswith(COMPOSED)]
        self.concepts[name] = Concept(name, expressions(plain), tuple(dict.fromkeys(composed)))

    def _names(self, entry: Entry, key: str, kind: str, required: bool = False) -> tuple[str, ...]:
        words = entry.words(key, required)
        self._named += [(entry.file, node, kind, word) for word, node in words]
        return tuple(word for word, _ in words)

    def _clue(self, entry: Entry) -> None:
        identifier = entry.identifier("id")
        if identifier in {clue.id for clue in self.clues}:
            entry.wrong("id", f'clue "{identifier}" is there twice')
        label = entry.choice("label", tuple(INDEX))
        score = entry.number("score", 1, 100)
        together = self._names(entry, "all", "concept", required=True)
        near = entry.number("near", 1, NEAR_MOST) if entry.has("near") else NEAR
        unless = self._names(entry, "unless", "concept")
        relief = entry.number("relief", 1, 100) if entry.has("relief") else RELIEF
        entry.done()
        if identifier and label and score and together and near and relief:
            self.clues.append(Clue(identifier, INDEX[label], score, together, near, unless, relief))

    def _sample(self, entry: Entry) -> None:
        text = entry.text("text")
        match, miss = self._names(entry, "match", "clue"), self._names(entry, "miss", "clue")
        if text and not match and not miss:
            entry.wrong(None, "an example of nothing", "add match: [...] or miss: [...]")
        entry.done()
        self.samples.append(Sample(text, match, miss))
