"""Decisions: all that the policy says of one signal."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from streams.model.event import Source
from streams.model.taxonomy import Area

__all__ = ["Action", "Decision", "Severity", "Stage", "Truth", "Verdict", "violation_id"]


class Truth(StrEnum):
    """Matched, not matched, or unknown: unknown is not false."""

    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """`enforce` goes to the area's violations topic, `shadow` to the shadow topic."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Severity(StrEnum):
    """How bad a violation is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Action(StrEnum):
    """What is recommended to people; nothing is done to an account by the pipeline itself."""

    NONE = "none"
    ASK_TO_CHANGE = "ask_to_change"
    REVIEW = "review"
    SUSPEND = "suspend"
    REPORT = "report"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """One rule or obligation that matched or stayed unknown."""

    rule: str
    truth: Truth
    area: Area
    category: str
    stage: Stage
    severity: Severity
    recommended: Action
    score: int  # 0–100: the highest score that the rule read; 100 for rules over declared uses alone


class Decision(msgspec.Struct, frozen=True):
    """All that the policy says of one signal: the rules that matched, and those that stayed unknown.

    `policy` is the bundle's digest, `version` its date. `complete` is false when a gap or an unknown rule left a
    question open.
    """

    policy: str
    version: str
    matched: tuple[Verdict, ...] = ()
    unknown: tuple[Verdict, ...] = ()
    complete: bool = True


def violation_id(source: Source, policy: str, rule: str) -> str:
    """The id of one rule broken by one event: 32 hexadecimal digits, the same whenever the work is done again.

    BLAKE2b-128 over cell, topic, partition, offset, ingestion time, policy digest and rule; ids hold no `|`.
    """
    place = f"{source.cell}|{source.topic}|{source.partition}|{source.offset}|{source.ingested_at}|{policy}|{rule}"
    return hashlib.blake2b(place.encode(), digest_size=16).hexdigest()
