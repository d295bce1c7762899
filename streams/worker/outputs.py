"""Outcomes to records: which topics each outcome goes to, and what is counted on the way.

`deliver` cannot be handed content: it takes `Outcome[Sealed]`.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import NamedTuple

from streams import metrics
from streams.codec.records import (
    encode_count,
    encode_dead_letter,
    encode_ledger,
    encode_receipt,
    encode_tagged,
    encode_violation,
    ledger_entry_of,
    violations_of,
)
from streams.kafka.producer import Out
from streams.model import (
    INDEX,
    Code,
    Count,
    Decision,
    Disposition,
    Outcome,
    Receipt,
    Rejected,
    Run,
    Sealed,
    Signal,
    Source,
    Stage,
    StorageMode,
    Verdict,
    Violation,
    fold,
    record_key,
    runs,
)

__all__ = ["Outputs", "make_receipt", "missing_runs", "replace_too_large", "tell", "tell_violation"]

MINUTE_MS = 60_000
COUNTED_FROM = 50  # a label is counted for rate rules from this score on
_DEAD = {Disposition.DEAD_LETTER, Disposition.EXPIRED_UNREAD, Disposition.REFUSED}


class Outputs(NamedTuple):
    """Turns outcomes into records for the topics named by `name`; `partitions` tells how many a topic has."""

    name: Callable[[str], str]
    partitions: Callable[[str], int]
    counted_labels: tuple[str, ...]
    worker: str

    def wave(self, outcomes: Sequence[Outcome[Sealed]]) -> tuple[list[Out], list[int]]:
        """All records of one batch but its receipt, and for each the index of the outcome it came from."""
        outs: list[Out] = []
        origin: list[int] = []
        tagged = self.name("tagged")
        partitions = self.partitions(tagged)
        for i, outcome in enumerate(outcomes):
            if (signal := outcome.signal) is not None and outcome.disposition is Disposition.STORED:
                key = record_key(signal.meta.account, signal.meta.conversation)
                outs.append(Out(tagged, outcome.source.partition % partitions, key, encode_tagged(outcome)))
                origin.append(i)
                if outcome.decision is not None and not outcome.decision.matched:
                    continue  # most events
            for short, key, value in self._of(outcome):
                # The ledger outlives its partition's neighbours: it is found by account, whatever was written where.
                partition = None if short == "ledger" else outcome.source.partition
                outs.append(self._out(short, partition, key, value))
                origin.append(i)
        for count in self._counts(outcomes):
            outs.append(self._out("counts", None, count.account.encode(), encode_count(count)))
            origin.append(-1)
        return outs, origin

    def rated(self, violations: Sequence[Violation]) -> list[Out]:
        """Violations of rate rules: keyed by account, as their counts are."""
        records = [record for violation in violations for record in _violation_records(violation)]
        return [self._out(short, None, key, value) for short, key, value in records]

    def receipt(self, receipt: Receipt) -> Out:
        """The receipt of one batch."""
        key = f"{receipt.topic}/{receipt.partition}".encode()
        return self._out("receipts", receipt.partition, key, encode_receipt(receipt))

    def _out(self, short: str, partition: int | None, key: bytes, value: bytes) -> Out:
        topic = self.name(short)
        return Out(topic, None if partition is None else partition % self.partitions(topic), key, value)

    def _of(self, outcome: Outcome[Sealed]) -> list[tuple[str, bytes, bytes]]:
        """What an outcome gives beside its tagged event."""
        signal = outcome.signal
        records: list[tuple[str, bytes, bytes]] = []
        if outcome.disposition in _DEAD:
            key = f"{outcome.source.topic}/{outcome.source.partition}".encode()
            records.append(("dead-letter", key, encode_dead_letter(outcome)))
        if signal is None:
            return records
        for violation in violations_of(outcome):
            records += _violation_records(violation)
        return records

    def _counts(self, outcomes: Sequence[Outcome[Sealed]]) -> list[Count]:
        """Counts by account, counted label and minute of ingestion: what rate rules are judged from."""
        if not self.counted_labels:
            return []
        tally: Tally[tuple[str, str, int]] = Tally()
        first: dict[tuple[str, str, int], Source] = {}
        for outcome in outcomes:
            signal = outcome.signal
            if signal is None or not any(signal.scores):
                continue
            minute = signal.source.ingested_at // MINUTE_MS * MINUTE_MS
            for label in self.counted_labels:
                if signal.scores[INDEX[label]] >= COUNTED_FROM:
                    key = (signal.meta.account, label, minute)
                    tally[key] += 1
                    first.setdefault(key, signal.source)
        return [
            Count(account=account, label=label, minute=minute, events=events, source=first[account, label, minute])
            for (account, label, minute), events in tally.items()
        ]


def _violation_records(violation: Violation) -> list[tuple[str, bytes, bytes]]:
    """A violation for its topic, and what outlives it for the ledger; on trial it goes to `shadow` alone."""
    account = violation.account.encode()
    if violation.stage is Stage.SHADOW:
        return [("shadow", account, encode_violation(violation))]
    return [
        (f"violations.{violation.area.value}", account, encode_violation(violation)),
        ("ledger", account, encode_ledger(ledger_entry_of(violation))),
    ]


def replace_too_large(outcomes: Sequence[Outcome[Sealed]], guilty: set[int]) -> list[Outcome[Sealed]]:
    """The outcomes anew, those at `guilty` as dead letters: their output is larger than its topic takes."""
    replaced = list(outcomes)
    for i in guilty:
        source = replaced[i].source
        rejected = Rejected(source, Code.OUTPUT_TOO_LARGE, Disposition.DEAD_LETTER, 0, "avro")
        replaced[i] = Outcome(source, rejected.disposition, code=rejected.code, rejected=rejected)
    return replaced


def missing_runs(expected: int | None, log_start: int | None, offsets: Sequence[int]) -> list[Run]:
    """Offsets that were due and did not come: `lost` below the log's start, `absent` (compaction, markers) above it."""
    missing: list[Run] = []
    due = expected if expected is not None else offsets[0]
    if due == offsets[0] and offsets[-1] - due + 1 == len(offsets):
        return missing  # as nearly always: they ascend, so none is left out
    for offset in offsets:
        if offset > due:
            border = min(max(log_start or due, due), offset)
            if border > due:
                missing.append(Run(due, border - 1, Disposition.LOST))
            if offset > border:
                missing.append(Run(border, offset - 1, Disposition.ABSENT))
        due = offset + 1
    return missing


def tell(topic: str, outcomes: Sequence[Outcome[Sealed]], missing: Sequence[Run]) -> Tally[Disposition]:
    """Count what was delivered; how many offsets ended how. Labels are enums and rule ids: never an account or text."""
    ended = Tally([outcome.disposition for outcome in outcomes])
    for run in missing:
        ended[run.disposition] += run.last - run.first + 1
    for disposition, number in ended.items():
        metrics.RECORDS.labels(topic, disposition.value).inc(number)
    for code, number in Tally([outcome.code for outcome in outcomes if outcome.code is not None]).items():
        metrics.REJECTED.labels(topic, code.value).inc(number)
    for run in missing:
        code = Code.LOG_START_AHEAD if run.disposition is Disposition.LOST else Code.OFFSET_HOLE
        metrics.REJECTED.labels(topic, code.value).inc(run.last - run.first + 1)
    for outcome in outcomes:
        if outcome.signal is not None and outcome.decision is not None:
            _tell_decision(outcome.signal, outcome.decision)
    return ended


def _tell_decision(signal: Signal, decision: Decision) -> None:
    if signal.meta.digested:
        metrics.DIGESTED.inc(signal.meta.digested)
    for gap in signal.gaps:
        metrics.GAPS.labels(gap.detector, gap.reason.value).inc()
    if not decision.complete:
        metrics.INCOMPLETE.inc()
    for verdict in decision.unknown:
        metrics.UNKNOWN.labels(verdict.area.value).inc()
    for verdict in decision.matched:
        tell_violation(verdict, signal.facts.mode)


def tell_violation(broken: Verdict | Violation, mode: StorageMode) -> None:
    """Count one violation by rule."""
    labels = (broken.area, broken.category, broken.rule, broken.severity, broken.stage, mode)
    metrics.VIOLATIONS.labels(*labels).inc()


def make_receipt(
    outcomes: Sequence[Outcome[Sealed]],
    missing: Sequence[Run],
    worker: str,
    generation: int,
    policy: str,
    now_ms: int,
) -> Receipt:
    """The receipt of one batch: every offset from the first that was due to the last that came."""
    source = outcomes[0].source
    ended = runs([(outcome.source.offset, outcome.disposition) for outcome in outcomes])
    return Receipt(
        cell=source.cell,
        topic=source.topic,
        partition=source.partition,
        runs=fold([*missing, *ended]),
        worker=worker,
        generation=generation,
        policy=policy,
        written_at=now_ms,
        skipped=tuple(outcome.source.offset for outcome in outcomes if outcome.code is Code.SKIPPED),
    )
