"""The whole flow, pure and on batches: inputs to outcomes. Read this first.

No clock, randomness, environment, Kafka or metrics, and no exception for bad content. Worker, edge SDK, command line,
backtest and tests call the same `process`. The same signal and policy digest give the same decision, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streams.errors import Code
from streams.model import (
    Accounts,
    AccountState,
    Content,
    Decision,
    Detection,
    Disposition,
    Event,
    Evidence,
    Facts,
    Kind,
    Outcome,
    Rejected,
    Signal,
    StorageMode,
    replace,
)

__all__ = ["Detection", "Detectors", "Input", "Policies", "Rules", "process"]


class Detectors(Protocol):
    """Content to findings. Never raises for content: a detector that fails leaves a gap."""

    digest: str

    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        """One detection for each content, in order."""
        ...


class Policies(Protocol):
    """A timeline of policies: each signal is judged by the one in force when it was ingested."""

    def decide(self, signals: Sequence[Signal]) -> list[Decision]:
        """One decision for each signal, in order."""
        ...


class Rules(NamedTuple):
    """All that decides, as snapshots that do not change during a batch."""

    detectors: Detectors
    policies: Policies
    accounts: Accounts
    region: str
    application_class: str = "api"


Input = Event | Signal | Rejected


def process(inputs: Sequence[Input], rules: Rules) -> list[Outcome[Evidence]]:
    """One outcome for each input, in the same order."""
    outcomes: list[Outcome[Evidence] | None] = [None] * len(inputs)
    admitted: list[tuple[int, Event]] = []
    signals: list[tuple[int, Signal, Evidence | None]] = []
    for i, item in enumerate(inputs):
        if isinstance(item, Rejected):
            outcomes[i] = Outcome(item.source, item.disposition, code=item.code, rejected=item)
        elif (code := refusal(item, rules)) is not None:
            outcomes[i] = Outcome(item.source, Disposition.REFUSED, code=code)
        elif isinstance(item, Signal):
            signals.append((i, replace(item, facts=facts_of(item, rules)), None))
        else:
            admitted.append((i, item))

    detections = rules.detectors.detect([event.content for _, event in admitted])
    for (i, event), detection in zip(admitted, detections, strict=True):
        signals.append((i, take_content_away(event, detection, rules), Evidence(event.content, detection.findings)))

    decisions = rules.policies.decide([signal for _, signal, _ in signals])
    for (i, signal, evidence), decision in zip(signals, decisions, strict=True):
        outcomes[i] = conclude(signal, decision, evidence, rules)
    return [outcome for outcome in outcomes if outcome is not None]


def refusal(item: Event | Signal, rules: Rules) -> Code | None:
    """Why an event that was understood is turned away, if it is: closed account, other region, class or kind."""
    account = rules.accounts.find(item.meta.account)
    if item.meta.region is not None and item.meta.region != rules.region:
        return Code.REGION_MISMATCH
    if item.meta.kind is Kind.FILE:
        return Code.KIND_UNSUPPORTED
    if account is None:
        return None
    if account.state is AccountState.CLOSED:
        return Code.ACCOUNT_CLOSED
    if account.region is not None and account.region != rules.region:
        return Code.REGION_MISMATCH
    if account.application_class != rules.application_class:
        return Code.APPLICATION_CLASS
    return None


def take_content_away(event: Event, detection: Detection, rules: Rules) -> Signal:
    """What is left of an event behind detection. The facts come from here, never from the producer."""
    return Signal(
        source=event.source,
        meta=event.meta,
        facts=facts_of(event, rules),
        scores=detection.scores,
        gaps=detection.gaps,
        shape=detection.shape,
        detectors=rules.detectors.digest,
    )


def facts_of(item: Event | Signal, rules: Rules) -> Facts:
    """The account facts that this event is judged and stored by."""
    return rules.accounts.facts(item.meta.account, item.meta.application, item.meta.storage)


def conclude(signal: Signal, decision: Decision, evidence: Evidence | None, rules: Rules) -> Outcome[Evidence]:
    """Keep the evidence only of accounts that may be stored and have a key; all else leaves no content behind."""
    account = rules.accounts.find(signal.meta.account)
    if signal.facts.mode is not StorageMode.STANDARD:
        breach = evidence is not None and signal.source.topic.endswith(".plain")
        code = Code.PLAIN_BREACH if breach else None
        return Outcome(signal.source, Disposition.NOT_STORED, signal, decision, code=code)
    if account is None or account.public_key is None:
        # It should be stored and cannot be: said by name, and not passed over as one that is not to be stored.
        return Outcome(signal.source, Disposition.REFUSED, signal, decision, code=Code.KEY_UNKNOWN)
    return Outcome(signal.source, Disposition.STORED, signal, decision, keep=evidence)
