"""Receipts read from Kafka and added up against the logs that they account for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.codec.records import decode_receipt
from streams.errors import RecordError
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.summing import Accounting, Bounds, Place, Report
from streams.model.record import Record
from streams.settings import Settings

__all__ = ["SOURCES", "ReceiptLog", "Report", "add_up", "check_receipts"]

SOURCES = ("intake", "intake.plain", "signals")


class ReceiptLog(Protocol):
    """What is read: `Reader`, or a fake of it."""

    def read(self, topics: Iterable[str]) -> Iterable[Record]:
        """All records to the end, in order within each partition."""
        ...

    def bounds(self, topics: Iterable[str]) -> Mapping[tuple[str, int], tuple[int, int]]:
        """First offset and end of every partition."""
        ...


def add_up(
    log: ReceiptLog,
    settings: Settings,
    only: str | None = None,
    from_start: bool = False,
    told: Callable[[int], None] | None = None,
) -> Report:
    """Add up all receipts, and compare them with the source topics of this cell.

    `only` names one source topic, with or without the prefix. `from_start` demands that accounting begins at offset 0
    also where the oldest receipts have gone by retention. `told` is called with the number of receipts read so far.
    The ends of the source topics are read after the receipts, so what comes in meanwhile is pending, never "beyond".
    """
    topic = topic_name(settings.topics, "receipts")
    sources = [topic_name(settings.topics, short) for short in SOURCES]
    if only is not None:
        sources = [name for name in sources if only in (name, name.removeprefix(settings.topics.prefix))] or [only]
    begun = log.bounds([topic])
    accounting = Accounting()
    for number, record in enumerate(log.read([topic]), 1):
        _take(accounting, record, set(sources) if only is not None else None)
        if told is not None and number % 1_000 == 0:
            told(number)
    bounds = log.bounds(sources)
    logs = {Place(settings.cell, name, partition): Bounds(*bound) for (name, partition), bound in bounds.items()}
    return accounting.report(logs, None if from_start else _reaching_back(begun, accounting.places | set(logs)))


def _take(accounting: Accounting, record: Record, wanted: set[str] | None) -> None:
    try:
        receipt = decode_receipt(record.value or b"")
    except RecordError:
        accounting.add_unreadable()
        return
    if wanted is None or receipt.topic in wanted:
        accounting.add(receipt)


def _reaching_back(begun: Mapping[tuple[str, int], tuple[int, int]], places: set[Place]) -> frozenset[Place]:
    """The sources whose receipts are all still there: those on partitions that have kept their beginning."""
    starts = {partition: start for (_, partition), (start, _) in begun.items()}
    if not starts:
        return frozenset()
    return frozenset(place for place in places if starts.get(place.partition % len(starts), 1) == 0)


def check_receipts(
    settings: Settings, only: str | None = None, from_start: bool = False, told: Callable[[int], None] | None = None
) -> Report:
    """`add_up` on the deployment's Kafka."""
    with Reader(settings.kafka) as reader:
        return add_up(reader, settings, only, from_start, told)
