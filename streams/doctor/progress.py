"""How far the workers' group is: who reads, what waits, how long its keys still live, what the last receipts say."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from streams.codec.events import decode_sealed_event
from streams.codec.identity import Digester
from streams.codec.records import decode_receipt
from streams.doctor.keeping import published
from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.errors import RecordError
from streams.kafka.looking import Group, HeadReader, Looker
from streams.kafka.reading import Reader
from streams.kafka.topics import HOUR, topic, topic_name
from streams.lifecycle.receipts import SOURCES
from streams.lifecycle.summing import Accounting, Bounds, Place, SourceReport
from streams.model import PublicKey, Receipt, Record
from streams.settings import Settings

__all__ = ["Deadline", "check_group", "check_lag", "check_receipts_tail", "judge_group", "judge_lag", "judge_tail"]

Part = tuple[str, int]
START = "streams worker --workers N"
HEAD_SECONDS = 10.0
MOST_HEADS = 256  # partitions of which the oldest unread record is looked at
TAIL = 300  # receipts of one partition; fewer where there are very many partitions
MOST_RECEIPTS = 30_000
IN_FLIGHT = 64  # batches that may be under way at most, so receipts stand out of order by so many
SHORT = 0.5  # less of its life left than this share is worth a warning
SHORTEST = 0.1


def check_group(settings: Settings) -> list[Remark]:
    """Whether anybody reads in the workers' group."""
    with Looker(settings) as looker:
        group = looker.group(settings.worker.group)
    return [judge_group(group, settings.worker.group)]


def judge_group(group: Group | None, name: str) -> Remark:
    """A group without members reads nothing, whatever its pages say."""
    if group is None:
        return not_checked("the embedded broker does not describe groups", name)
    if not group.members:
        return wrong(f"no worker is a member (state {group.state})", name, START)
    if group.state != "Stable":
        return warning(f"{len(group.members)} members, state {group.state}", name, "look again: it lasts seconds")
    return ok(f"{len(group.members)} members, stable", name)


class Deadline(NamedTuple):
    """Until when (ms) a record that waits can be read, of how long a life, and what ends it."""

    until: int
    life: int
    why: str


def check_lag(settings: Settings) -> list[Remark]:
    """What waits, and the time left until the first of it can no longer be read."""
    sources = {topic_name(settings.topics, short): short for short in SOURCES}
    with Looker(settings) as looker:
        commits = looker.committed(sources)
    with HeadReader(settings.kafka) as reader:
        bounds = reader.bounds(sources)
        due = {place: max(start, _commit(commits, place, settings)) for place, (start, _) in bounds.items()}
        lost = sum(max(0, start - _commit(commits, place, settings, start)) for place, (start, _) in bounds.items())
        lag = {place: end - due[place] for place, (_, end) in bounds.items() if end > due[place]}
        behind = sorted(lag, key=lambda place: -lag[place])[:MOST_HEADS]
        heads = reader.heads({place: due[place] for place in behind}, HEAD_SECONDS) if behind else []
    keys = published(settings) if heads else {}
    deadlines = [_deadline(record, sources[record.topic], keys) for record in heads]
    remarks = [] if not lost else [_lost(lost)]
    return [*remarks, judge_lag(lag, heads, deadlines, time.time_ns() // 1_000_000, settings.worker.group)]


def _commit(commits: Mapping[Part, Mapping[str, int]], place: Part, settings: Settings, otherwise: int = 0) -> int:
    return commits.get(place, {}).get(settings.worker.group, otherwise)


def _lost(number: int) -> Remark:
    told = f"{number} records were deleted before they were read: they will be receipted as lost"
    return wrong(told, "", "retention is shorter than the outage was, or somebody deleted them: see Kafka's logs")


def _deadline(record: Record, short: str, keys: Mapping[str, PublicKey | None]) -> Deadline:
    row = topic(short)
    key = keys.get(_transit_key(record)) if short == "intake" else None
    if key is None:
        return Deadline(record.timestamp + row.retention, row.retention, f"retention of {record.topic}")
    return Deadline(0 if key.ended else key.end, max(1, key.end - key.seal_from), f"key {key.key_id}")


def _transit_key(record: Record) -> str:
    """The id of the key that a record is sealed to; no id at all for what a worker will make a dead letter of."""
    try:
        return decode_sealed_event(record.value or b"", Digester(b""))[1].key
    except RecordError:
        return ""


def judge_lag(
    lag: Mapping[Part, int], heads: Collection[Record], deadlines: Iterable[Deadline], now: int, group: str
) -> Remark:
    """The lag of all partitions, and of the records at their heads the one that can be read for the shortest time."""
    behind = sum(lag.values())
    if not behind:
        return ok("everything is read and committed", group)
    oldest = min(record.timestamp for record in heads)
    first = min(deadlines, key=lambda one: one.until)
    left = first.until - now
    told = (
        f"{behind} records wait on {len(lag)} partitions, the oldest for {_span(now - oldest)}; of {len(heads)} looked "
        f"at the first becomes unreadable in {_span(left)} ({first.why})"
    )
    remedy = f"{START}: more, or see why they do not get on (streams_stage_seconds)"
    if left <= 0:
        return wrong(f"{behind} records wait, and some can no longer be read ({first.why})", group, remedy)
    if left < first.life * SHORTEST:
        return wrong(told, group, remedy)
    return warning(told, group, remedy) if left < first.life * SHORT else ok(told, group)


def _span(ms: int) -> str:
    if ms < HOUR:
        return f"{max(0, ms) / 60_000:.0f} min"
    return f"{ms / HOUR:.1f} h"


def check_receipts_tail(settings: Settings) -> list[Remark]:
    """The last receipts of each partition: whether offsets are missing between them."""
    name = topic_name(settings.topics, "receipts")
    receipts: dict[Place, list[Receipt]] = {}
    unreadable = 0
    with Reader(settings.kafka) as reader:
        bounds = reader.bounds([name])
        size = max(1, min(TAIL, MOST_RECEIPTS // max(1, len(bounds))))
        for record in reader.read([name], {place: end - size for place, (_, end) in bounds.items()}):
            try:
                receipt = decode_receipt(record.value or b"")
            except RecordError:
                unreadable += 1
                continue
            receipts.setdefault(Place(receipt.cell, receipt.topic, receipt.partition), []).append(receipt)
        ends = reader.bounds({place.topic for place in receipts})
    logs = {
        place: Bounds(end, end) for place in receipts if (end := ends.get((place.topic, place.partition), (0, 0))[1])
    }
    cut = any(end - start > size for start, end in bounds.values())
    return judge_tail(receipts, logs, unreadable, cut, settings.cell, name)


def judge_tail(
    receipts: Mapping[Place, list[Receipt]],
    logs: Mapping[Place, Bounds],
    unreadable: int,
    cut: bool,
    cell: str,
    where: str,
) -> list[Remark]:
    """Gaps and contradictions in a tail of receipts; `cut` when older ones were left out.

    Where older ones were left out the first receipts of a tail only tell where to begin: those of batches that were
    under way together stand out of order.
    """
    if not receipts:
        return [not_checked("there are no receipts yet", where)]
    remarks = []
    check = "streams receipts check"
    if unreadable:
        remarks.append(wrong(f"{unreadable} receipts cannot be read", where, check))
    others = sorted({place.cell for place in receipts} - {cell})
    if others:
        remedy = "two cells must not share topics: see cell and topics.prefix"
        remarks.append(wrong(f"receipts of other cells: {', '.join(others)}", where, remedy))
    accounting = Accounting()
    for receipt in (one for many in receipts.values() for one in many):
        accounting.add(receipt)
    report = accounting.report(logs, frozenset())
    for source in report.sources:
        begin = _begin(receipts.get(source.place, [])) if cut else 0
        remarks += _tail_of(source, begin, check)
    if remarks:
        return remarks
    told = f"the last {report.receipts} leave nothing out; {report.pending} offsets pending"
    return [ok(f"{told}; {report.skipped} skipped by hand" if report.skipped else told, where)]


def _begin(receipts: list[Receipt]) -> int:
    return max((run.last + 1 for one in receipts[:IN_FLIGHT] for run in one.runs), default=0)


def _tail_of(source: SourceReport, begin: int, check: str) -> Iterable[Remark]:
    where = f"{source.place.topic}/{source.place.partition}"
    gaps = [(low, high) for low, high in source.gaps if low >= begin]
    if gaps:
        low, high = gaps[0]
        yield wrong(f"{len(gaps)} gaps in the last receipts, the first at {low}–{high}", where, check)
    if source.conflicts:
        yield wrong(f"{sum(source.conflicts.values())} offsets ended in ways that exclude each other", where, check)
    if source.beyond:
        yield wrong(f"receipts for {source.beyond} offsets behind the log's end: was it made anew?", where, check)
