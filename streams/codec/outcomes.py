"""Signals, tagged events, violations, counts, ledger entries, receipts and dead letters: what comes out of the core."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec.structs import asdict

from streams.codec.framing import frame, unframe
from streams.codec.generated import Repeats, writer_of
from streams.codec.identity import Digester
from streams.codec.metadata import metadata_from, source_from
from streams.codec.schemas import newest
from streams.errors import Code, InvalidEvent
from streams.model import (
    LABELS,
    TAXONOMY,
    Action,
    Area,
    Count,
    Decision,
    Disposition,
    Facts,
    Gap,
    GapReason,
    LedgerEntry,
    Outcome,
    Receipt,
    Rejected,
    Run,
    Sealed,
    Severity,
    Shape,
    Signal,
    Stage,
    StorageMode,
    Truth,
    Verdict,
    Violation,
    violation_id,
)

__all__ = [
    "decode_count",
    "decode_dead_letter",
    "decode_ledger",
    "decode_receipt",
    "decode_signal",
    "decode_tagged",
    "decode_violation",
    "encode_count",
    "encode_dead_letter",
    "encode_ledger",
    "encode_receipt",
    "encode_signal",
    "encode_tagged",
    "encode_violation",
    "ledger_entry_of",
    "violations_of",
]

_TRUSTED = Digester(b"")  # for our own records: their ids are ids already


def encode_signal(signal: Signal) -> bytes:
    """A signal, for `signals`."""
    return frame("signal", _signal_to(signal))


def decode_signal(value: bytes, digester: Digester | None = None) -> Signal:
    """The inverse. Scores of another length, or above 100, are `INVALID_VALUE`."""
    return _signal_from(unframe(value, "signal"), digester or _TRUSTED)


def encode_tagged(outcome: Outcome[Sealed]) -> bytes:
    """A tagged event. The outcome must have a signal and a decision; `ValueError` otherwise."""
    signal, decision, sealed = outcome.signal, outcome.decision, outcome.keep
    if signal is None or decision is None:
        raise ValueError("only an outcome with signal and decision is a tagged event")
    written: bytes = _tagged_writer()(signal, decision, sealed)
    return written


# What many tagged events in a row have in common.
_REPEATS = Repeats(
    fields=frozenset(
        {
            *("cell", "topic", "account", "application", "conversation", "model", "producer", "region"),
            *("language", "detectors", "scores", "account_key", "day_key", "account_half", "day_half"),
        }
    ),
    records=frozenset({"Declared", "Facts", "Decision"}),
)


@lru_cache(maxsize=1)
def _tagged_writer() -> Callable[..., bytes]:
    schema = newest("tagged_event")
    places = {field: f"s.{field}" for field in Signal.__struct_fields__}
    places |= {"taxonomy": str(TAXONOMY), "decision": "d", "sealed": "k"}
    made: Callable[..., bytes] = writer_of(schema.parsed, schema.header, "s, d, k", places, _REPEATS)
    return made


def decode_tagged(value: bytes) -> Outcome[Sealed]:
    """The inverse."""
    raw = unframe(value, "tagged_event")
    signal = _signal_from(raw, _TRUSTED)
    told, sealed = raw["decision"], raw["sealed"]
    decision = Decision(
        policy=told["policy"],
        version=told["version"],
        matched=tuple(_verdict_from(verdict) for verdict in told["matched"]),
        unknown=tuple(_verdict_from(verdict) for verdict in told["unknown"]),
        complete=told["complete"],
    )
    return Outcome(
        source=signal.source,
        disposition=Disposition.STORED,
        signal=signal,
        decision=decision,
        keep=None if sealed is None else Sealed(**sealed),
    )


def violations_of(outcome: Outcome[Sealed]) -> list[Violation]:
    """One violation for each rule that matched, in force or on trial."""
    signal, decision = outcome.signal, outcome.decision
    if signal is None or decision is None or not decision.matched:
        return []
    meta, storable = signal.meta, signal.facts.mode is StorageMode.STANDARD
    return [
        Violation(
            violation_id=violation_id(signal.source, decision.policy, verdict.rule),
            source=signal.source,
            event_id=meta.event_id,
            account=meta.account,
            application=meta.application,
            area=verdict.area,
            category=verdict.category,
            rule=verdict.rule,
            severity=verdict.severity,
            stage=verdict.stage,
            score=verdict.score,
            recommended=verdict.recommended,
            policy=decision.policy,
            version=decision.version,
            detectors=signal.detectors,
            mode=signal.facts.mode,
            end_user=meta.end_user if storable else None,
            conversation=meta.conversation if storable else None,
        )
        for verdict in decision.matched
    ]


def encode_violation(violation: Violation) -> bytes:
    """A violation, for its area's topic or `shadow`."""
    return frame("violation", asdict(violation))


def decode_violation(value: bytes) -> Violation:
    """The inverse."""
    raw = unframe(value, "violation")
    return Violation(
        **{
            **raw,
            "source": source_from(raw["source"]),
            "area": _enum(Area, raw["area"]),
            "severity": Severity(raw["severity"]),
            "stage": Stage(raw["stage"]),
            "recommended": Action(raw["recommended"]),
            "mode": StorageMode(raw["mode"]),
        }
    )


def ledger_entry_of(violation: Violation) -> LedgerEntry:
    """What outlives a violation: nothing that the customer sent."""
    return LedgerEntry(
        violation_id=violation.violation_id,
        account=violation.account,
        area=violation.area,
        category=violation.category,
        rule=violation.rule,
        severity=violation.severity,
        at=violation.source.ingested_at,
        policy=violation.policy,
        version=violation.version,
        detectors=violation.detectors,
    )


def encode_ledger(entry: LedgerEntry) -> bytes:
    """A ledger entry."""
    return frame("ledger_entry", asdict(entry))


def decode_ledger(value: bytes) -> LedgerEntry:
    """The inverse."""
    raw = unframe(value, "ledger_entry")
    return LedgerEntry(**{**raw, "area": _enum(Area, raw["area"]), "severity": Severity(raw["severity"])})


def encode_count(count: Count) -> bytes:
    """A count."""
    return frame("count", asdict(count))


def decode_count(value: bytes) -> Count:
    """The inverse."""
    raw = unframe(value, "count")
    return Count(**{**raw, "source": source_from(raw["source"])})


def encode_receipt(receipt: Receipt) -> bytes:
    """A receipt."""
    return frame("receipt", asdict(receipt))


def decode_receipt(value: bytes) -> Receipt:
    """The inverse. A run that ends before it starts is `INVALID_VALUE`."""
    raw = unframe(value, "receipt")
    runs = tuple(Run(r["first"], r["last"], Disposition(r["disposition"])) for r in raw["runs"])
    if any(run.first > run.last for run in runs):
        raise InvalidEvent(Code.INVALID_VALUE)
    return Receipt(**{**raw, "runs": runs, "skipped": tuple(raw["skipped"])})


def encode_dead_letter(outcome: Outcome[Sealed]) -> bytes:
    """A dead letter: where, why, size and framing of a record; never its bytes."""
    rejected = outcome.rejected
    return frame(
        "dead_letter",
        {
            "source": outcome.source,
            "disposition": outcome.disposition,
            "code": (outcome.code or Code.PROCESS_FAILED).value,
            "size": rejected.size if rejected else 0,
            "framing": rejected.framing if rejected else "unknown",
            "fingerprint": rejected.fingerprint if rejected else None,
            "position": rejected.position if rejected else None,
        },
    )


def decode_dead_letter(value: bytes) -> Rejected:
    """A dead letter as what was rejected."""
    raw = unframe(value, "dead_letter")
    return Rejected(
        source=source_from(raw["source"]),
        code=_enum(Code, raw["code"]),
        disposition=Disposition(raw["disposition"]),
        size=raw["size"],
        framing=raw["framing"],
        fingerprint=raw["fingerprint"],
        position=raw["position"],
    )


def _enum(kind: Any, value: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InvalidEvent(Code.INVALID_VALUE) from None


def _signal_to(signal: Signal) -> dict[str, Any]:
    return {**asdict(signal), "taxonomy": TAXONOMY}


def _signal_from(raw: dict[str, Any], digester: Digester) -> Signal:
    scores, facts = raw["scores"], raw["facts"]
    # An older taxonomy is a prefix of ours: labels are appended, so what it could not score is zero.
    if len(scores) > len(LABELS) or any(score > 100 for score in scores):
        raise InvalidEvent(Code.INVALID_VALUE)
    return Signal(
        source=source_from(raw["source"]),
        meta=metadata_from(raw["meta"], digester),
        facts=Facts(
            **{
                **facts,
                "mode": StorageMode(facts["mode"]),
                "uses": tuple(facts["uses"]),
                "disclosures": tuple(facts["disclosures"]),
            }
        ),
        scores=scores.ljust(len(LABELS), b"\0"),
        gaps=tuple(Gap(digester.id(gap["detector"]), GapReason(gap["reason"])) for gap in raw["gaps"]),
        shape=Shape(**{**raw["shape"], "language": raw["shape"]["language"][:3]}),
        detectors=digester.id(raw["detectors"]) if raw["detectors"] else "unknown",
    )


def _verdict_from(raw: dict[str, Any]) -> Verdict:
    return Verdict(
        rule=raw["rule"],
        truth=Truth(raw["truth"]),
        area=_enum(Area, raw["area"]),
        category=raw["category"],
        stage=Stage(raw["stage"]),
        severity=Severity(raw["severity"]),
        recommended=Action(raw["recommended"]),
        score=raw["score"],
    )
