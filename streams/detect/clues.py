"""The lexicon detector: concepts that meet near each other. A scary word alone is no clue."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from streams.detect.detector import Example, Pattern
from streams.detect.lexicon import Clue, Lexicon
from streams.detect.text import Text
from streams.model import Finding

__all__ = ["LexiconDetector"]

_MARKED = 12  # characters before the end of a match that its span shows


class LexiconDetector:
    """Scores labels by clues. Each clue hangs on the first of its concepts, the rarest: most texts look at none."""

    name = "lexicon"
    version = "1"
    languages: frozenset[str] | None = frozenset({"en", "zh"})

    def __init__(self, lexicon: Lexicon) -> None:
        self.version = f"1-{lexicon.digest[:12]}"
        self._detector = f"{self.name}/{self.version}"
        self._numbers = {concept.name: number for number, concept in enumerate(lexicon.concepts)}
        anchors = {clue.all[0] for clue in lexicon.clues}
        beside: dict[str, set[str]] = defaultdict(set)  # the anchors of the clues that name a concept
        for clue in lexicon.clues:
            for name in (*clue.all[1:], *clue.unless):
                beside[name].add(clue.all[0])
        patterns, concepts = [], []
        for concept in lexicon.concepts:
            context, found_with = concept.name not in anchors, frozenset(beside[concept.name])
            for expression in (*concept.expressions, *concept.composed):
                patterns.append(Pattern(concept.name, expression, context, expression in concept.composed, found_with))
                concepts.append(self._numbers[concept.name])
        self._patterns = tuple(patterns)
        self._concepts = tuple(concepts)
        self._examples = tuple(Example(s.text, fires=s.match, silent=s.miss) for s in lexicon.samples)
        self._anchored: dict[int, list[_Compiled]] = defaultdict(list)
        for clue in lexicon.clues:
            compiled = _Compiled(clue, self._numbers)
            self._anchored[compiled.anchor].append(compiled)

    @property
    def patterns(self) -> Sequence[Pattern]:
        """See `Detector`."""
        return self._patterns

    @property
    def examples(self) -> Sequence[Example]:
        """See `Detector`. Here `fires` and `silent` name clues."""
        return self._examples

    def find(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """See `Detector`."""
        return [self._one(text, text.hits[self.name]) if self.name in text.hits else [] for text in texts]

    def _one(self, text: Text, hits: Sequence[tuple[int, int]]) -> list[Finding]:
        places: dict[int, list[int]] = {}
        for pattern, end in hits:
            concept = self._concepts[pattern]
            if concept in places:
                places[concept].append(end)
            else:
                places[concept] = [end]
        found: list[Finding] = []
        for concept, ends in places.items():
            for clue in self._anchored.get(concept, ()):
                best = clue.best(places, ends)
                if best is not None:
                    found.append(self._finding(text, clue.clue, *best))
        return found

    def _finding(self, text: Text, clue: Clue, score: int, ends: tuple[int, ...]) -> Finding:
        spans = tuple(text.span(max(0, end - _MARKED), min(end, len(text.view))) for end in sorted(set(ends)) if end)
        return Finding(clue.label, score, spans[:8], self._detector, clue.id)


class _Compiled:
    """A clue over concept numbers. `anchor` is the concept it hangs on, the first of `all`."""

    __slots__ = ("anchor", "clue", "others", "unless")

    def __init__(self, clue: Clue, numbers: dict[str, int]) -> None:
        self.clue = clue
        self.anchor = numbers[clue.all[0]]
        self.others = tuple(numbers[name] for name in clue.all[1:])
        self.unless = tuple(numbers[name] for name in clue.unless)

    def best(self, places: dict[int, list[int]], ends: list[int]) -> tuple[int, tuple[int, ...]] | None:
        """The highest score over all places of the anchor, with the places that made it; None when none meets."""
        for other in self.others:
            if other not in places:
                return None
        near, score, relieved = self.clue.near, self.clue.score, self.clue.score - self.clue.relief
        soft: tuple[int, tuple[int, ...]] | None = None
        for end in ends:
            met = [nearest(places[other], end, near) for other in self.others]
            if None in met:
                continue
            together = (end, *(place for place in met if place is not None))
            if not any(name in places and nearest(places[name], end, near) is not None for name in self.unless):
                return score, together
            if soft is None and relieved > 0:
                soft = relieved, together
        return soft


def nearest(ends: list[int], place: int, near: int) -> int | None:
    """The one of some ascending places that lies nearest to `place`, if within `near`."""
    at = bisect_left(ends, place)
    around = ends[max(0, at - 1) : at + 1]
    best = min(around, key=lambda end: abs(end - place), default=None)
    return best if best is not None and abs(best - place) <= near else None
