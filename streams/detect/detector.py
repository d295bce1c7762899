"""What a detector is: patterns it wants scanned for, and findings made from where they matched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streams.detect.text import Text
from streams.model import Finding

__all__ = ["Detector", "Example", "Pattern"]


class Pattern(NamedTuple):
    """A Hyperscan expression over normalised text, by a name that is unique within its detector.

    It is compiled for UTF-8, lower-case text; `\\b` knows ASCII words. It must match at least one character, and should
    match few times: each match costs a Python call. A `context` pattern is scanned for only in texts where another
    pattern of its detector matches, so it may be frequent; if it names others (`beside`), its matches count only in
    texts where one of those matches. A `composed` one is more than plain phrases: where a guard can be made of it
    (`guards`), it is tried only in texts that hold a string which each of its matches needs.
    """

    name: str
    expression: str
    context: bool = False
    composed: bool = False
    beside: frozenset[str] = frozenset()


class Example(NamedTuple):
    """A text by which a detector is tested: `fires` names labels or clues that must be found, `silent` that must not.

    Found means a score of 50 or more. The text is made up and mild.
    """

    text: str
    fires: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


class Detector(Protocol):
    """Turns texts into findings. Tested from its own examples.

    `find` gets a batch of texts which carry the hits of this detector's patterns, and returns a list of findings for
    each, in order. It may raise: then the texts are tried one by one, and only the culprit gets a gap. `languages` are
    those it knows (ISO 639-1), or None when it does not depend on language.
    """

    name: str
    version: str
    languages: frozenset[str] | None

    @property
    def patterns(self) -> Sequence[Pattern]:
        """What is scanned for on its behalf."""
        ...

    @property
    def examples(self) -> Sequence[Example]:
        """By what it is tested."""
        ...

    def find(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Findings for each text, in order."""
        ...
