"""What is published of a decision: violations, counts and ledger entries. Never content."""

from __future__ import annotations

import msgspec

from streams.model.decision import Action, Severity, Stage
from streams.model.event import Source, StorageMode
from streams.model.taxonomy import Area

__all__ = ["Count", "LedgerEntry", "Violation"]


class Violation(msgspec.Struct, frozen=True, gc=False):
    """One rule broken by one event. `end_user` and `conversation` are set only for accounts that may be stored."""

    violation_id: str
    source: Source
    event_id: str
    account: str
    application: str | None
    area: Area
    category: str
    rule: str
    severity: Severity
    stage: Stage
    score: int
    recommended: Action
    policy: str
    version: str
    detectors: str
    mode: StorageMode
    end_user: str | None = None
    conversation: str | None = None


class Count(msgspec.Struct, frozen=True, gc=False):
    """How many events of an account carried a label in one minute (ms, its start) of one batch.

    `source` is where the first of them came in: a count that is published again after a crash has the same.
    """

    account: str
    label: str
    minute: int
    events: int
    source: Source


class LedgerEntry(msgspec.Struct, frozen=True, gc=False):
    """That a rule was broken, and nothing that the customer sent. `at` is the time of ingestion in ms."""

    violation_id: str
    account: str
    area: Area
    category: str
    rule: str
    severity: Severity
    at: int
    policy: str
    version: str
    detectors: str
