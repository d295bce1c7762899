"""What rules may read of a signal, and nothing else: decisions are equal wherever views are equal."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from streams.model import INDEX, LABELS, Gap, Kind, Signal, StorageMode
from streams.model.event import Audience

__all__ = ["BLANK", "NOTHING_TOUCHED", "Key", "View", "key_of", "touched"]

Key = tuple[object, ...]
ALL_LABELS: Final = frozenset(range(len(LABELS)))
NOTHING_TOUCHED: Final[frozenset[int]] = frozenset()
UNDETERMINED = "un"


def key_of(signal: Signal) -> Key:
    """Everything a view is made of, so that signals with equal keys get equal decisions."""
    meta, facts, shape = signal.meta, signal.facts, signal.shape
    return (
        signal.scores,
        signal.gaps,
        meta.kind,
        meta.declared,
        facts.uses,
        facts.disclosures,
        facts.reviewed,
        facts.mode,
        facts.enterprise,
        facts.business_associate,
        shape.language,
        meta.conversation is None,
    )


def touched(gaps: tuple[Gap, ...], detectors: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """The labels whose score may be too low, because a detector that scores them failed, was skipped or read a part.

    A detector that the bundle does not list may score any label, so its gap touches them all.
    """
    found = NOTHING_TOUCHED
    for gap in gaps:
        found |= detectors.get(gap.detector, ALL_LABELS)
    return found


class View:
    """One signal as rules see it. `None` is "unknown": not declared, or not determined."""

    __slots__ = (
        "audience",
        "business_associate",
        "disclosures",
        "enterprise",
        "in_conversation",
        "kind",
        "language",
        "mode",
        "reviewed",
        "scores",
        "simulated",
        "touched",
        "uses",
    )

    def __init__(self, scores: bytes, touched_labels: Container[int] = NOTHING_TOUCHED) -> None:
        self.scores = scores
        self.touched = touched_labels
        self.uses: frozenset[str] = frozenset()
        self.disclosures: frozenset[str] = frozenset()
        self.kind: Kind | None = None
        self.audience: Audience | None = None
        self.mode: StorageMode | None = None
        self.language: str | None = None
        self.simulated: str | None = None
        self.reviewed: bool | None = None
        self.enterprise: bool | None = None
        self.business_associate: bool | None = None
        self.in_conversation: bool | None = None

    @classmethod
    def of(cls, signal: Signal, detectors: Mapping[str, frozenset[int]]) -> View:
        """The view of a signal. What an event declares comes before what its account declares; uses add up."""
        declared, facts = signal.meta.declared, signal.facts
        view = cls(signal.scores, touched(signal.gaps, detectors))
        view.uses = frozenset(declared.uses + facts.uses)
        view.disclosures = frozenset(declared.disclosures + facts.disclosures)
        view.kind = signal.meta.kind
        view.audience = declared.audience
        view.mode = facts.mode
        view.language = None if signal.shape.language == UNDETERMINED else signal.shape.language
        view.simulated = declared.simulated_person
        view.reviewed = facts.reviewed if declared.reviewed is None else declared.reviewed
        view.enterprise = facts.enterprise
        view.business_associate = facts.business_associate
        view.in_conversation = signal.meta.conversation is not None
        return view

    def score(self, label: str) -> int:
        """The score of a label, 0–100."""
        return self.scores[INDEX[label]]


# No scores, no uses, everything else unknown (a signal always has a kind). What is false here is false of every signal
# in which no label that the rule reads has a score, and no use that it reads is declared.
BLANK = View(bytes(len(LABELS)))
