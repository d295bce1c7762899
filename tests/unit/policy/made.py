"""Signals made by hand, and the built-in policy."""

from __future__ import annotations

from functools import cache
from typing import Any

from streams.model import (
    INDEX,
    LABELS,
    Declared,
    Facts,
    Kind,
    Metadata,
    Shape,
    Signal,
    Source,
    StorageMode,
    Truth,
)
from streams.policy import load_policies
from streams.policy.timeline import Timeline

DAY = 24 * 60 * 60 * 1000
NOW = 1_700_000_000_000  # November 2023


@cache
def built_in() -> Timeline:
    return load_policies()


def scores(**given: int) -> bytes:
    found = bytearray(len(LABELS))
    for label, score in given.items():
        found[INDEX[label]] = score
    return bytes(found)


def signal(kind: Kind = Kind.EXCHANGE, /, **given: Any) -> Signal:
    """A signal in which nothing is found and nothing declared but what is given; other names are scores by label."""
    take = given.pop
    declared = Declared(
        take("uses", ()),
        take("audience", None),
        take("disclosures", ()),
        take("reviewed", None),
        take("simulated", None),
    )
    facts: dict[str, Any] = {"version": 1, "mode": StorageMode.STANDARD, **take("facts", {})}
    return Signal(
        source=Source("cell", "compliance.intake", 0, 7, take("at", NOW)),
        meta=Metadata("e1", "acme", kind, declared=declared, conversation=take("conversation", None)),
        facts=Facts(**facts),
        gaps=take("gaps", ()),
        shape=Shape(100, 1, take("language", "en")),
        detectors="d1",
        scores=scores(**given),
    )


def truths(one: Signal, policies: Timeline | None = None) -> dict[str, Truth]:
    """Rule to truth, of the rules that matched or are unknown."""
    decision = (policies or built_in()).decide([one])[0]
    return {verdict.rule: verdict.truth for verdict in (*decision.matched, *decision.unknown)}


def matched(one: Signal, policies: Timeline | None = None) -> set[str]:
    """The rules that matched."""
    return {rule for rule, truth in truths(one, policies).items() if truth is Truth.MATCHED}
