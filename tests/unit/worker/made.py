"""Outcomes made by hand for the worker's tests."""

from __future__ import annotations

from streams.errors import Code
from streams.model import (
    INDEX,
    LABELS,
    Action,
    Area,
    Decision,
    Disposition,
    Facts,
    Kind,
    Metadata,
    Outcome,
    Rejected,
    Sealed,
    Severity,
    Shape,
    Signal,
    Source,
    Stage,
    StorageMode,
    Truth,
    Verdict,
)

__all__ = ["TOPIC", "dead", "outcome", "source"]

TOPIC = "compliance.intake"
SEALED = Sealed("a1", "d1", b"A" * 80, b"D" * 80, b"N" * 12, b"sealed")


def source(offset: int, partition: int = 0) -> Source:
    return Source("cell", TOPIC, partition, offset, 1_700_000_000_000 + offset)


def verdict(stage: Stage = Stage.ENFORCE) -> Verdict:
    return Verdict(
        rule="malware.build",
        area=Area.MALWARE,
        category="malware",
        truth=Truth.MATCHED,
        score=85,
        severity=Severity.HIGH,
        stage=stage,
        recommended=Action.REVIEW,
    )


def outcome(
    offset: int, *stages: Stage, mode: StorageMode = StorageMode.STANDARD, partition: int = 0, **scores: int
) -> Outcome[Sealed]:
    """An ordinary outcome: one verdict for each stage, scores by label."""
    given = bytearray(len(LABELS))
    for label, score in scores.items():
        given[INDEX[label]] = score
    meta = Metadata(f"e{offset}", "acme", Kind.PROMPT, conversation="c1")
    signal = Signal(source(offset, partition), meta, Facts(1, mode), bytes(given), (), Shape(9, 1, "en"), "d")
    decision = Decision("policy", "2023-03-17", matched=tuple(verdict(stage) for stage in stages))
    stored = mode is StorageMode.STANDARD
    ending = Disposition.STORED if stored else Disposition.NOT_STORED
    return Outcome(signal.source, ending, signal, decision, SEALED if stored else None)


def dead(offset: int, code: Code = Code.INVALID_JSON) -> Outcome[Sealed]:
    """A record that is no event."""
    rejected = Rejected(source(offset), code, Disposition.DEAD_LETTER, 10, "json")
    return Outcome(rejected.source, rejected.disposition, code=code, rejected=rejected)
