"""What the card quotes: counts, lengths, openings, agreement of two readers, and how far trivial models get."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from pairs.loading import Text
from pairs.words import words

__all__ = ["TRIVIAL", "counts", "kappa", "kinds", "lengths", "openings", "trivial", "trivial_by_category", "variety"]

BOUNDS = (15, 50, 150, 300)
OPENING = 3
HALF = re.compile(r"[02468ace]$")  # of a pair's hash: one half of the pairs


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
        cut = words(text.whole)
        all_of[text.lang] += max(0, len(cut) - 2)
        distinct[text.lang].update(zip(cut, cut[1:], cut[2:], strict=False))
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


def _bag(texts: Sequence[Text]) -> list[str]:
    return [" ".join(words(text.whole)) for text in texts]


def _first(texts: Sequence[Text]) -> list[str]:
    return [" ".join(words(text.whole)[:OPENING]) for text in texts]


def _length(texts: Sequence[Text]) -> list[str]:
    return [" ".join(f"over{bound}" for bound in range(0, len(words(text.whole)), 5)) for text in texts]


TRIVIAL: Mapping[str, Callable[[Sequence[Text]], list[str]]] = {
    "bag of words": _bag,
    "length": _length,
    "first words": _first,
}


def trivial(texts: Iterable[Text], lang: str) -> dict[str, float]:
    """The accuracy of trivial models on one half of a language's pairs, trained on the other; 0.5 is chance."""
    paired = [text for text in texts if text.category is not None and text.lang == lang]
    left = [text for text in paired if _in_first_half(text.pair)]
    right = [text for text in paired if not _in_first_half(text.pair)]
    if not left or not right:
        return {}
    return {name: _accuracy(features, left, right) for name, features in TRIVIAL.items()}


def trivial_by_category(texts: Iterable[Text], folds: int = 5) -> dict[str, float]:
    """The accuracy of a bag of words within each category, of pairs that it was not trained on: which are cheap."""
    groups: defaultdict[str, list[Text]] = defaultdict(list)
    for text in texts:
        if text.category is not None:
            groups[f"{text.lang} {text.category}"].append(text)
    found = {}
    for name, some in sorted(groups.items()):
        right = 0.0
        for fold in range(folds):
            held = [text for text in some if _fold(text.pair, folds) == fold]
            rest = [text for text in some if _fold(text.pair, folds) != fold]
            right += _accuracy(_bag, rest, held) * len(held) if held and rest else 0.5 * len(held)
        found[name] = round(right / len(some), 3)
    return found


def _fold(pair: str, folds: int) -> int:
    return int(hashlib.sha256(f"fold {pair}".encode()).hexdigest(), 16) % folds


def _in_first_half(pair: str) -> bool:
    return HALF.search(hashlib.sha256(f"half {pair}".encode()).hexdigest()) is not None


def _accuracy(features: Callable[[Sequence[Text]], list[str]], left: Sequence[Text], right: Sequence[Text]) -> float:
    counter: Any = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, binary=True)
    model: Any = LogisticRegression(max_iter=1_000)
    model.fit(counter.fit_transform(features(left)), [text.breaks for text in left])
    return round(float(model.score(counter.transform(features(right)), [text.breaks for text in right])), 3)
