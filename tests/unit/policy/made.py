"""Signals made by hand, and the built-in policy."""

from __future__ import annotations

from functools import cache
from typing import Any

from streams.model import (
    INDEX,
    LABELS,
    Audience,
    Declared,
    Facts,
    Gap,
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


def signal(
    kind: Kind = Kind.EXCHANGE,
    *,
    uses: tuple[str, ...] = (),
    disclosures: tuple[str, ...] = (),
    audience: Audience | None = None,
    reviewed: bool | None = None,
    simulated: str | None = None,
    gaps: tuple[Gap, ...] = (),
    at: int = NOW,
    conversation: str | None = None,
    language: str = "en",
    facts: dict[str, Any] | None = None,
    **given: int,
) -> Signal:
    declared = Declared(uses, audience, disclosures, reviewed, simulated)
    return Signal(
        source=Source("cell", "compliance.intake", 0, 7, at),
        meta=Metadata("e1", "acme", kind, declared=declared, conversation=conversation),
        facts=Facts(**{"version": 1, "mode": StorageMode.STANDARD, **(facts or {})}),
        scores=scores(**given),
        gaps=gaps,
        shape=Shape(100, 1, language),
        detectors="d1",
    )


def truths(one: Signal, policies: Timeline | None = None) -> dict[str, Truth]:
    """Rule to truth, of the rules that matched or are unknown."""
    decision = (policies or built_in()).decide([one])[0]
    return {verdict.rule: verdict.truth for verdict in (*decision.matched, *decision.unknown)}


def matched(one: Signal, policies: Timeline | None = None) -> set[str]:
    """The rules that matched."""
    return {rule for rule, truth in truths(one, policies).items() if truth is Truth.MATCHED}
