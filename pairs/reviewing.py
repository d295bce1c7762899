"""What a writer wants to know of a draft before it is added: faults, and by which cheap signs twins are told apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import mean

from pairs.checking import alone, read
from pairs.drafts import Draft, numbered
from pairs.figures import openings
from pairs.loading import DATA, Text, files
from pairs.words import near_duplicates, words

__all__ = ["review", "telling"]

OFTEN = 4  # texts of one side, at least, before a word is said to tell
SHARE = 0.8  # of a word's texts on one side
LONGER = 0.65  # of the pairs, of which one side is the longer


def review(drafts: Sequence[Draft], path: Path, folder: Path = DATA) -> Iterator[str]:
    """Lines for the writer: faults with their line, then figures."""
    placed = list(numbered(drafts, folder))
    texts = [text for _, text in placed]
    lines = {text.id: draft.line for draft, text in _with_lines(drafts, texts)}
    for where, text in placed:
        for what in alone(text, where):
            yield f"{path}:{lines[text.id]}: {what}"
    before = {one.text.id: one.text for one in read(files(folder))[0]}
    yield from _copies(texts, before, path, lines)
    yield from _figures(texts, list(before.values()))


def telling(texts: Iterable[Text]) -> list[str]:
    """Words that stand nearly always on one side, most frequent first: `word 9:1` is breaking to harmless."""
    sides: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for text in texts:
        sides[text.breaks].update(set(words(text.whole)))
    rows = []
    for word in {**sides[True], **sides[False]}:
        breaking, harmless = sides[True][word], sides[False][word]
        most = max(breaking, harmless)
        if most >= OFTEN and most >= SHARE * (breaking + harmless):
            rows.append((-abs(breaking - harmless), f"{word} {breaking}:{harmless}"))
    return [row for _, row in sorted(rows)]


def _with_lines(drafts: Sequence[Draft], texts: Sequence[Text]) -> Iterator[tuple[Draft, Text]]:
    rest = iter(texts)
    for draft in drafts:
        for _ in draft.sides:
            yield draft, next(rest)


def _copies(texts: Sequence[Text], before: dict[str, Text], path: Path, lines: dict[str, int]) -> Iterator[str]:
    mine = {text.id: text for text in texts}
    said = {name: text.whole for name, text in mine.items()}
    for name, other in near_duplicates(said):
        if mine[name].pair != mine[other].pair:
            yield f"{path}:{lines[name]}: near duplicate of line {lines[other]}"
    for name, other in near_duplicates(said, {name: text.whole for name, text in before.items()}):
        yield f"{path}:{lines[name]}: near duplicate of {other}"


def _figures(texts: Sequence[Text], before: Sequence[Text]) -> Iterator[str]:
    groups: defaultdict[tuple[str, str], list[Text]] = defaultdict(list)
    for text in texts:
        groups[text.lang, text.category or f"harmless {text.theme}"].append(text)
    for (lang, name), found in sorted(groups.items()):
        kinds = Counter(text.kind for text in found)
        sizes = sorted(len(words(text.whole)) for text in found)
        yield (
            f"{lang} {name}: {len({text.pair for text in found})} written; "
            f"{', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}; "
            f"words: mean {mean(sizes):.0f}, a tenth over {sizes[len(sizes) * 9 // 10]}, most {sizes[-1]}"
        )
        both = [text for text in before if text.lang == lang and text.category and text.category == name] + found
        if found[0].category:
            yield from _sides(both)
    yield "openings: " + ", ".join(f"{opening} {count}" for opening, count in openings(texts, 5) if count > 2)


def _sides(both: Sequence[Text]) -> Iterator[str]:
    """With what is in the set already: one side longer than the other, and words that tell."""
    pairs: defaultdict[str, dict[bool, int]] = defaultdict(dict)
    for text in both:
        pairs[text.pair][text.breaks] = len(words(text.whole))
    longer = mean(sides[False] > sides[True] for sides in pairs.values())
    if not 1 - LONGER <= longer <= LONGER:
        yield f"  the harmless twin is the longer one in {longer:.0%} of the pairs"
    if found := telling(both):
        yield "  words that tell (breaking:harmless): " + ", ".join(found[:25])
