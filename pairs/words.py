"""How texts are cut and compared: words of English, characters of Chinese, three in a row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

__all__ = ["HAN", "LATIN", "near_duplicates", "trigrams", "words"]

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]+")
_WORDS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|(?:(?![\u3400-\u4dbf\u4e00-\u9fff])[\w'])+")
NEAR = 0.5  # share of the smaller text's trigrams
FEW = 8  # trigrams: shorter texts have to be the same, since half of little is chance
COMMON = 300  # a trigram of more texts says nothing about two of them


def words(text: str) -> list[str]:
    """Words in lower case; each Chinese character by itself."""
    return _WORDS.findall(text.lower())


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    """Three words in a row, each once."""
    cut = words(text)
    return frozenset(zip(cut, cut[1:], cut[2:], strict=False))


def near_duplicates(texts: Mapping[str, str], others: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Ids of texts that share at least half of the smaller one's trigrams: among `texts`, or of those with `others`."""
    left = {name: trigrams(text) for name, text in texts.items()}
    right = left if others is None else {name: trigrams(text) for name, text in others.items()}
    where: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, found in right.items():
        for trigram in found:
            where[trigram].append(name)
    for name, found in left.items():
        shared: defaultdict[str, int] = defaultdict(int)
        for trigram in found:
            if len(where[trigram]) <= COMMON:
                for other in where[trigram]:
                    shared[other] += 1
        for other, count in shared.items():
            once = others is not None or name < other
            if once and _near(count, len(found), len(right[other])):
                yield name, other


def _near(shared: int, size: int, other: int) -> bool:
    if min(size, other) < FEW:
        return shared == size == other
    return shared >= NEAR * min(size, other)
