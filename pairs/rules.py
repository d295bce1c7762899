"""How far the project's own detectors get on the test split: the first point of a curve.

Scores alone are judged, without what an application declares: pairs that differ only in that are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sklearn.metrics import average_precision_score

from pairs.loading import Text
from streams.detect import load_detectors
from streams.model import Content, Message
from streams.model.content import Role
from streams.model.taxonomy import INDEX

__all__ = ["auprc"]


def auprc(texts: Iterable[Text]) -> dict[str, dict[str, float]]:
    """By language and category: pairs judged, and the area under the precision-recall curve of the category's score.

    Half of the texts break the rule, so 0.5 is chance.
    """
    pairs: defaultdict[str, list[Text]] = defaultdict(list)
    for text in texts:
        if text.category is not None and text.split == "test":
            pairs[text.pair].append(text)
    judged = [text for pair in pairs.values() if len({text.whole for text in pair}) == len(pair) for text in pair]
    detections = load_detectors().detect([_content(text) for text in judged]) if judged else []
    found: defaultdict[str, list[tuple[bool, int]]] = defaultdict(list)
    for text, detection in zip(judged, detections, strict=True):
        score = detection.scores[INDEX[text.category or ""]]
        found[f"{text.lang} {text.category}"].append((text.breaks, score))
    table: dict[str, dict[str, float]] = {}
    for name, rows in sorted(found.items()):
        labels, scores = zip(*rows, strict=True)
        area = float(average_precision_score(labels, scores))
        table[name] = {"pairs": len(rows) // 2, "auprc": round(area, 3)}
    return table


def _content(text: Text) -> Content:
    return Content(tuple(Message(Role(message.role), message.content) for message in text.messages))
