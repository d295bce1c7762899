"""What the card quotes: counts, lengths, openings, kinds, variety, agreement of two readers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pairs.loading import Text
from pairs.words import trigrams, words

__all__ = ["OPENING", "counts", "kappa", "kinds", "lengths", "openings", "variety"]

BOUNDS = (15, 50, 150, 300)
OPENING = 3


def counts(texts: Iterable[Text]) -> dict[str, dict[str, int]]:
    """By language: pairs of each category, and harmless texts of each theme."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        if text.breaks:
            found[text.lang][text.category or ""] += 1
        elif text.category is None:
            found[text.lang][f"harmless: {text.theme}"] += 1
    return {lang: dict(sorted(found[lang].items())) for lang in sorted(found)}


def lengths(texts: Iterable[Text]) -> dict[str, dict[str, float]]:
    """By class, the share of texts up to so many words (characters, in Chinese)."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for text in texts:
        found["breaks" if text.breaks else "harmless"].append(len(words(text.whole)))
    names = [*(f"to {bound}" for bound in BOUNDS), "longer"]
    table: dict[str, dict[str, float]] = {}
    for name, sizes in sorted(found.items()):
        places = Counter(sum(size > bound for bound in BOUNDS) for size in sizes)
        table[name] = {names[place]: round(places[place] / len(sizes), 3) for place in range(len(names))}
    return table


def kinds(texts: Iterable[Text]) -> dict[str, dict[str, int]]:
    """By language: prompts, completions, exchanges, and texts of more than two turns."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        found[text.lang][text.kind] += 1
        found[text.lang]["several turns"] += sum(message.role != "system" for message in text.messages) > 2
    return {lang: dict(sorted(found[lang].items())) for lang in sorted(found)}


def variety(texts: Iterable[Text]) -> dict[str, float]:
    """By language: distinct trigrams of words (characters, in Chinese) as a share of all. Twins share theirs."""
    all_of: Counter[str] = Counter()
    distinct: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for text in texts:
        all_of[text.lang] += max(0, len(words(text.whole)) - 2)
        distinct[text.lang] |= trigrams(text.whole)
    return {lang: round(len(distinct[lang]) / all_of[lang], 3) for lang in sorted(distinct) if all_of[lang]}


def openings(texts: Iterable[Text], most: int = 10) -> list[tuple[str, int]]:
    """The most frequent first three words."""
    found = Counter(" ".join(words(text.whole)[:OPENING]) for text in texts)
    return found.most_common(most)


def kappa(both_break: int, both_harmless: int, first_breaks: int, second_breaks: int) -> float:
    """Cohen's κ of two readers' labels: agreement beyond chance (Cohen 1960), from the four counts of a table.

    >>> kappa(20, 15, 5, 10)
    0.4
    """
    number = both_break + both_harmless + first_breaks + second_breaks
    if not number:
        return float("nan")
    agreed = (both_break + both_harmless) / number
    yes, other_yes = (both_break + first_breaks) / number, (both_break + second_breaks) / number
    chance = yes * other_yes + (1 - yes) * (1 - other_yes)
    return 1.0 if chance == 1 else round((agreed - chance) / (1 - chance), 6)
