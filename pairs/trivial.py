"""How far trivial models get: where one tells the twins apart, they differ by something cheap."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from pairs.figures import OPENING
from pairs.loading import Text
from pairs.words import words

__all__ = ["TRIVIAL", "trivial", "trivial_by_category"]

HALF = re.compile(r"[02468ace]$")  # of a pair's hash: one half of the pairs


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
