"""The synthetic marker: how tests and demonstrations show a category without its content.

`[[synthetic:csam]]` scores 100 for the category named, and 100 for the trait `synthetic_marker`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.detect.detector import Example, Pattern
from streams.detect.text import Text
from streams.model import CATEGORY_AREA, INDEX, Finding

__all__ = ["MarkerDetector"]

_MARKER = re.compile(r"\[\[synthetic:([a-z_]+)\]\]")


class MarkerDetector:
    """Finds the marker."""

    name = "marker"
    version = "1"
    languages: frozenset[str] | None = None
    patterns: Sequence[Pattern] = (Pattern("marker", r"\[\[synthetic:[a-z_]+\]\]"),)
    examples: Sequence[Example] = (
        Example("a line with [[synthetic:csam]] in it", fires=("csam", "synthetic_marker")),
        Example("a line with [[Synthetic:Malware]]", fires=("malware",)),
        Example("synthetic:csam without its brackets, and [[synthetic:no_such_thing]]", silent=("csam",)),
    )

    def find(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """See `Detector`."""
        return [self._one(text) if self.name in text.hits else [] for text in texts]

    def _one(self, text: Text) -> list[Finding]:
        found = []
        for marker in _MARKER.finditer(text.view):
            if marker[1] in CATEGORY_AREA:
                spans = (text.span(*marker.span()),)
                for label in (marker[1], "synthetic_marker"):
                    found.append(Finding(INDEX[label], 100, spans, f"{self.name}/{self.version}", "marker"))
        return found
