"""`streams tail`: watch topics, a line a record. Content is never shown: not even sealed bytes leave this command."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from streams.cli.context import settings
from streams.cli.rows import moment, plain
from streams.model import AREAS, CATEGORY_AREA, LABELS, Area

if TYPE_CHECKING:
    from streams.model.record import Record
    from streams.settings import Settings

__all__ = ["command"]

KINDS = ("violations", "shadow", "tagged", "receipts", "dead-letter", "counts", "ledger", "accounts", "keys", "skips")
_CLOSED = Area.CHILD_SAFETY.value  # shown to those only who name it
_TOUCHES = 50  # from this score on a tagged event belongs to an area, also where no rule matched
_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


class Line(NamedTuple):
    """One record, ready to be shown: what a person reads, its style, and what a program reads."""

    text: str
    style: str
    data: dict[str, Any]


class _Wanted(NamedTuple):
    kind: str
    areas: frozenset[str]
    account: str | None
    by_area: bool = False  # areas were named: only records that have one of them

    def takes(self, data: dict[str, Any]) -> bool:
        """Whether a record is shown: never one that also touches an area which is not wanted and is closed."""
        if self.account is not None and data.get("account") != self.account:
            return False
        has = set(data.get("areas", ()))
        if _CLOSED in has and _CLOSED not in self.areas:
            return False
        return not self.by_area or bool(has & self.areas)


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "--area", "areas", multiple=True, type=click.Choice([area.value for area in AREAS]), help="Only this one."
)
@click.option("--account", metavar="ID", help="Only this account's.")
@click.option(
    "--from", "since", default="end", metavar="WHEN", help="beginning, end (default), or an age: 30s 5m 2h 7d."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after N records.")
@click.option("--stop-at-end", is_flag=True, help="End once everything that is there now was shown.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def command(
    kind: str,
    areas: tuple[str, ...],
    account: str | None,
    since: str,
    limit: int | None,
    stop_at_end: bool,
    as_json: bool,
) -> int:
    """Watch violations, shadow violations, tagged events, receipts, dead letters, counts, the ledger, accounts, keys or
    skips.

    One line a record, and never content. Child safety is not shown unless it is named: --area child-safety.
    Ctrl-C ends it.

    \b
    Example:  streams tail violations --from 5m
              streams tail violations --area malware --area fraud-deception --json
              streams tail dead-letter --from beginning --stop-at-end
    """
    start = _start(since)
    wanted = _Wanted(kind, frozenset(areas) or _open_areas(), account, bool(areas))
    chosen = settings()
    printer = _printer(as_json)
    shown = 0
    for record in _records(chosen, wanted, start, stop_at_end):
        line = _line(wanted, record)
        if line is None:
            continue
        printer(line)
        shown += 1
        if limit is not None and shown >= limit:
            break
    return 0


def _open_areas() -> frozenset[str]:
    return frozenset(area.value for area in AREAS if area.value != _CLOSED)


def _start(since: str) -> int | None:
    """The time in ms to begin at; 0 for the beginning, None for the end."""
    if since in ("beginning", "end"):
        return 0 if since == "beginning" else None
    span = _SPAN.fullmatch(since)
    if span is None:
        raise click.UsageError(f"--from {since}: want beginning, end, or an age such as 30s, 5m, 2h or 7d")
    return max(1, int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1000))


def _records(chosen: Settings, wanted: _Wanted, start: int | None, stop_at_end: bool) -> Iterator[Record]:
    from streams.errors import BrokerUnavailable
    from streams.kafka.reading import Reader
    from streams.kafka.topics import topic_name

    with Reader(chosen.kafka) as reader:
        prefix = topic_name(chosen.topics, wanted.kind)
        names = [prefix]
        if wanted.kind == "violations":
            names = [f"{prefix}.{area}" for area in wanted.areas]
            if not wanted.by_area:  # all of those that we may see
                names = [name for name in reader.topics(re.escape(prefix) + r"\..+") if name in names] or names
        if not reader.bounds(names):
            raise BrokerUnavailable(
                f"there is no topic for {wanted.kind} at {chosen.kafka.bootstrap}: streams topics apply creates it"
            )
        if stop_at_end:
            yield from (one for one in reader.read(names) if not start or one.timestamp >= start)
            return
        for record in reader.follow(names, start):
            if record is None:
                sys.stdout.flush()
            else:
                yield record


def _line(wanted: _Wanted, record: Record) -> Line | None:
    """The line of one record; None when it is not wanted. One that cannot be read is a line as well."""
    from streams.errors import RecordError

    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "time": record.timestamp}
    name = (record.key or b"").decode("utf-8", "replace")
    if record.value is None:
        told = {"record": place, "key": name, "tombstone": True}
        return Line(f"{moment(record.timestamp)} taken off: {name}", "dim", told)
    try:
        shown = _SHOW[wanted.kind](record.value)
    except RecordError as error:
        text = f"{moment(record.timestamp)} unreadable record at {record.topic}/{record.partition}:{record.offset}"
        return Line(f"{text} ({error.code.value})", "bold red", {"record": place, "unreadable": error.code.value})
    if not wanted.takes(shown.data):
        return None
    return Line(f"{moment(record.timestamp, seconds=True)} {shown.text}", shown.style, {"record": place, **shown.data})


def _violation(value: bytes) -> Line:
    from streams.codec.records import decode_violation

    one = decode_violation(value)
    text = (
        f"{one.severity.value:<8} {one.area.value:<16} {one.rule:<32} score {one.score:>3}  {one.account} "
        f"{one.event_id}  {one.recommended.value}  {one.source.topic}/{one.source.partition}:{one.source.offset}"
    )
    return Line(text, _STYLES[one.severity.value], {**plain(one), "areas": [one.area.value]})


def _tagged(value: bytes) -> Line:
    from streams.codec.records import decode_tagged

    one = decode_tagged(value)
    signal, decision = one.signal, one.decision
    scores = {label: score for label, score in zip(LABELS, signal.scores if signal else b"", strict=False) if score}
    matched = decision.matched if decision else ()
    areas = {verdict.area.value for verdict in matched} | {
        CATEGORY_AREA[label].value for label, score in scores.items() if label in CATEGORY_AREA and score >= _TOUCHES
    }
    data = {
        "account": signal.meta.account if signal else None,
        "source": plain(one.source),
        "disposition": one.disposition.value,
        "meta": plain(signal.meta) if signal else None,
        "facts": plain(signal.facts) if signal else None,
        "shape": plain(signal.shape) if signal else None,
        "gaps": plain(signal.gaps) if signal else [],
        "scores": scores,
        "decision": plain(decision),
        "sealed": plain(one.keep),
        "areas": sorted(areas),
    }
    top = " ".join(f"{label}={score}" for label, score in sorted(scores.items(), key=lambda pair: -pair[1])[:4])
    rules = ", ".join(verdict.rule for verdict in matched) or "clean"
    if decision is not None and not decision.complete:
        rules += " (incomplete)"
    who = f"{signal.meta.account} {signal.meta.event_id} {signal.meta.kind.value}" if signal else "–"
    size = f"{len(one.keep.ciphertext)} bytes sealed" if one.keep else "nothing kept"
    style = "yellow" if matched else ""
    return Line(f"{who}  {top or 'no scores'}  {rules}  {size}", style, data)


def _receipt(value: bytes) -> Line:
    from streams.codec.records import decode_receipt

    one = decode_receipt(value)
    parts = ", ".join(f"{run.first}–{run.last} {run.disposition.value}" for run in one.runs[:6])
    more = f" and {len(one.runs) - 6} more runs" if len(one.runs) > 6 else ""
    return Line(f"{one.topic}/{one.partition}  {parts}{more}  by {one.worker}", "", plain(one))


def _dead_letter(value: bytes) -> Line:
    from streams.codec.records import decode_dead_letter

    one = decode_dead_letter(value)
    at = "" if one.position is None else f", at byte {one.position}"
    text = (
        f"{one.disposition.value:<14} {one.code.value:<20} {one.source.topic}/{one.source.partition}:"
        f"{one.source.offset}  {one.size} bytes, {one.framing}{at}"
    )
    return Line(text, "yellow", plain(one))


def _count(value: bytes) -> Line:
    from streams.codec.records import decode_count

    one = decode_count(value)
    area = CATEGORY_AREA.get(one.label)
    data = {**plain(one), "areas": [area.value] if area else []}
    return Line(f"{one.account}  {one.label}  {one.events} in {moment(one.minute)}", "", data)


def _ledger(value: bytes) -> Line:
    from streams.codec.records import decode_ledger

    one = decode_ledger(value)
    text = f"{one.severity.value:<8} {one.area.value:<16} {one.rule:<32} {one.account}"
    return Line(text, _STYLES[one.severity.value], {**plain(one), "areas": [one.area.value]})


def _account(value: bytes) -> Line:
    from streams.codec.records import decode_account

    one = decode_account(value)
    key = one.key_id or "no key"
    return Line(f"{one.account}  version {one.version}  {one.state.value}  {one.mode.value}  {key}", "", plain(one))


def _key(value: bytes) -> Line:
    from streams.codec.records import decode_key

    one = decode_key(value)
    scope = one.day or (one.transit_class.value if one.transit_class else "–")
    state = "ended" if one.ended else f"seals until {moment(one.seal_until)}, ends {moment(one.end)}"
    return Line(f"{one.key_id}  {one.kind.value}  {scope}  {state}", "dim" if one.ended else "", plain(one))


def _skip(value: bytes) -> Line:
    from streams.codec.records import decode_skip

    one = decode_skip(value)
    return Line(f"{one.topic}/{one.partition}:{one.offset}  by {one.by}  {one.reason}", "yellow", plain(one))


_SHOW: dict[str, Callable[[bytes], Line]] = {
    "violations": _violation,
    "shadow": _violation,
    "tagged": _tagged,
    "receipts": _receipt,
    "dead-letter": _dead_letter,
    "counts": _count,
    "ledger": _ledger,
    "accounts": _account,
    "keys": _key,
    "skips": _skip,
}


def _printer(as_json: bool) -> Callable[[Line], None]:
    if as_json:
        return lambda line: click.echo(json.dumps(line.data))
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    return lambda line: console.print(Text(line.text, line.style), soft_wrap=True)
