"""From what a person gives to `streams policy explain` to the signal that is explained."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streams.cli.given import LARGEST, event_of
from streams.errors import Code, RecordError
from streams.model import (
    INDEX,
    LABELS,
    Account,
    Accounts,
    Audience,
    Declared,
    Event,
    Facts,
    Gap,
    GapReason,
    Kind,
    Metadata,
    Shape,
    Signal,
    Source,
    StorageMode,
    replace,
)

if TYPE_CHECKING:
    from streams.policy.timeline import Timeline

__all__ = ["signal_of"]

NAME = "explained"


def signal_of(event: BinaryIO | None, options: dict[str, Any], timeline: Timeline) -> Signal:
    """The signal of hand-given scores, or of an event that goes through the same detectors as a worker's."""
    if options["scores"] is not None:
        return _signal_of_scores(options)
    stream = event if event is not None else click.get_binary_stream("stdin")
    if event is None and stream.isatty():
        raise click.UsageError("give a file, pipe a JSON event, or use --scores; see --help")
    return _signal_of_event(stream.read(LARGEST + 1), options, timeline)


def _signal_of_scores(options: dict[str, Any]) -> Signal:
    meta = Metadata(
        event_id=NAME,
        account=NAME,
        kind=Kind(options["kind"] or Kind.EXCHANGE),
        conversation=NAME if options["in_conversation"] else None,
        declared=_declared(Declared(), options),
    )
    return Signal(
        source=_source(options),
        meta=meta,
        facts=Facts(
            version=0,
            mode=StorageMode(options["account_mode"]),
            enterprise=options["enterprise"],
            business_associate=options["business_associate"],
        ),
        scores=_scores(options["scores"]),
        gaps=tuple(_gap(one) for one in options["gaps"]),
        shape=Shape(0, 1, options["language"]),
        detectors="given",
    )


def _signal_of_event(data: bytes, options: dict[str, Any], timeline: Timeline) -> Signal:
    from streams.detect import load_detectors
    from streams.pipeline import Rules, process

    event = _event(data, options)
    account = Account(
        event.meta.account,
        mode=StorageMode(options["account_mode"]),
        enterprise=options["enterprise"],
        business_associate=options["business_associate"],
    )
    accounts = Accounts({account.account: account})
    outcome = process([event], Rules(load_detectors(), timeline, accounts, event.meta.region or ""))[0]
    if outcome.signal is None:
        code = outcome.code.value if outcome.code is not None else outcome.disposition.value
        raise click.UsageError(f"the event would be refused: {code}")
    return outcome.signal


def _event(data: bytes, options: dict[str, Any]) -> Event:
    try:
        raw = json.loads(data) if len(data) <= LARGEST else None
    except (ValueError, RecursionError):
        raise click.UsageError("the event is not JSON") from None
    if not isinstance(raw, dict):
        raise click.UsageError("the event has to be one JSON object" if raw is not None else "the event is too large")
    try:
        event = event_of(raw, _source(options), NAME)
    except RecordError as error:
        raise click.UsageError(f"the event cannot be read: {error.code.value}{_help(error.code)}") from None
    declared = _declared(event.meta.declared, options)
    conversation = NAME if options["in_conversation"] else event.meta.conversation
    return Event(event.source, replace(event.meta, declared=declared, conversation=conversation), event.content)


def _help(code: Code) -> str:
    return '; give {"text": …}, or prompt, completion or messages' if code is Code.NO_CONTENT else ""


def _declared(declared: Declared, options: dict[str, Any]) -> Declared:
    audience, reviewed = options["audience"], options["reviewed"]
    return Declared(
        uses=declared.uses + options["uses"],
        audience=Audience(audience) if audience else declared.audience,
        disclosures=declared.disclosures + options["disclosures"],
        reviewed=declared.reviewed if reviewed is None else reviewed,
        simulated_person=options["simulated"] or declared.simulated_person,
    )


def _source(options: dict[str, Any]) -> Source:
    date = options["date"]
    moment = time.time() if date is None else _utc(date)
    return Source(NAME, NAME, 0, 0, int(moment * 1000))


def _utc(date: Any) -> float:
    from datetime import UTC

    return float(date.replace(tzinfo=UTC).timestamp())


def _scores(given: str) -> bytes:
    from streams.written.mistakes import did_you_mean

    scores = bytearray(len(LABELS))
    for one in given.split(",") if given else ():
        label, _, number = one.strip().partition("=")
        if label not in INDEX:
            raise click.UsageError(f'--scores: unknown label "{label}"; {did_you_mean(label, list(INDEX))}')
        if not number.isascii() or not number.isdigit() or int(number) > 100:
            raise click.UsageError(f"--scores: {label} needs a whole number from 0 to 100, as in {label}=80")
        scores[INDEX[label]] = int(number)
    return bytes(scores)


def _gap(given: str) -> Gap:
    detector, _, reason = given.partition("=")
    if reason not in list(GapReason):
        raise click.UsageError(f"--gap {given}: want DETECTOR=REASON, REASON one of {', '.join(GapReason)}")
    return Gap(detector, GapReason(reason))
