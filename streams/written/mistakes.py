"""Mistakes in policy files: where they are, what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from streams.errors import PolicyError

__all__ = ["Mistake", "PolicyMistakes", "Text", "did_you_mean"]


class Mistake(NamedTuple):
    """One mistake. `line` and `column` count from 1; `length` is how many characters the caret underlines."""

    file: str
    line: int
    column: int
    length: int
    message: str
    hint: str
    source: str

    def __str__(self) -> str:
        shown = self.source.expandtabs(1)
        width = max(1, min(self.length, len(shown) - self.column + 1))
        gutter = f"{self.line:>5} | "
        caret = " " * (len(gutter) - 2) + "| " + _padding(shown, self.column) + "^" * width
        lines = [f"{self.file}:{self.line}:{self.column}: {self.message}", gutter + shown, caret]
        if self.hint:
            lines.append(f"      hint: {self.hint}")
        return "\n".join(lines)


def _padding(line: str, column: int) -> str:
    """Spaces as wide as what stands before the column: characters of East Asian scripts are two wide."""
    from unicodedata import east_asian_width

    return "".join("  " if east_asian_width(c) in "WF" else " " for c in line[: column - 1])


class PolicyMistakes(PolicyError):
    """All mistakes that were found, in the order of files and lines; the message shows each with its caret."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        number = len(self.mistakes)
        title = "1 mistake" if number == 1 else f"{number} mistakes"
        super().__init__("\n\n".join([title, *map(str, self.mistakes)]))


class Text:
    """The text of one file, which turns positions (character indexes) into mistakes."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._lines = text.split("\n")

    def mistake(self, start: int, end: int, message: str, hint: str = "") -> Mistake:
        """A mistake over the characters from `start` up to `end`; the caret stays on the first line of them."""
        start = min(max(start, 0), len(self.text))
        line = self.text.count("\n", 0, start)
        column = start - (self.text.rfind("\n", 0, start) + 1)
        source = self._lines[line]
        length = max(1, min(end, start + len(source) - column) - start)
        return Mistake(self.file, line + 1, column + 1, length, message, hint, source)


def did_you_mean(word: str, known: Sequence[str], kind: str = "") -> str:
    """A hint towards the nearest known word, or the list of them when none is near."""
    near = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    shown = ", ".join(sorted(known)[:12]) + (" …" if len(known) > 12 else "")
    return f"known{' ' + kind if kind else ''}: {shown}" if known else ""
