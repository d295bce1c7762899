"""Receipts as they lie on Kafka, against the logs that they account for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.codec.records import encode_receipt
from streams.lifecycle.receipts import add_up
from streams.lifecycle.summing import Report
from streams.model import Disposition, Receipt, Run
from streams.model.record import Record
from streams.settings import Settings

RECEIPTS, INTAKE, PLAIN = "compliance.receipts", "compliance.intake", "compliance.intake.plain"


class FakeLog:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.held: dict[tuple[str, int], tuple[int, int]] = {(RECEIPTS, 0): (0, 0), (RECEIPTS, 1): (0, 0)}

    def read(self, topics: Iterable[str]) -> Iterable[Record]:
        assert list(topics) == [RECEIPTS]
        return self.records

    def bounds(self, topics: Iterable[str]) -> Mapping[tuple[str, int], tuple[int, int]]:
        wanted = set(topics)
        return {place: bound for place, bound in self.held.items() if place[0] in wanted}

    def put(self, topic: str, partition: int, first: int, last: int, cell: str = "local") -> None:
        run = Run(first, last, Disposition.STORED)
        self.raw(encode_receipt(Receipt(cell, topic, partition, (run,), "w", 1, "p", 0)))

    def raw(self, value: bytes | None) -> None:
        self.records.append(Record(RECEIPTS, 0, len(self.records), 0, None, value))


def check(log: FakeLog, only: str | None = None, from_start: bool = False) -> Report:
    return add_up(log, Settings(), only, from_start)


def test_all_sources_of_the_cell_are_compared_with_their_logs() -> None:
    log = FakeLog()
    log.held |= {(INTAKE, 0): (0, 10), (INTAKE, 1): (0, 4), (PLAIN, 0): (0, 0)}
    log.put(INTAKE, 0, 0, 9)
    report = check(log)
    assert report.ok
    pending = {(one.place.topic, one.place.partition): one.pending for one in report.sources}
    assert pending == {(INTAKE, 0): 0, (INTAKE, 1): 4, (PLAIN, 0): 0}


def test_receipts_of_another_cell_are_added_up_without_its_log() -> None:
    log = FakeLog()
    log.put(INTAKE, 0, 0, 9, cell="eu-1")
    (one,) = check(log).sources
    assert (one.place.cell, one.pending, one.accounted, one.ok) == ("eu-1", None, 10, True)


def test_one_topic_is_named_with_or_without_its_prefix() -> None:
    log = FakeLog()
    log.held |= {(INTAKE, 0): (0, 10), (PLAIN, 0): (0, 5)}
    log.put(INTAKE, 0, 0, 3)
    log.put(PLAIN, 0, 0, 4)
    for name in ("intake.plain", PLAIN):
        assert [one.place.topic for one in check(log, only=name).sources] == [PLAIN]


def test_where_receipts_have_gone_accounting_begins_later_unless_the_start_is_demanded() -> None:
    log = FakeLog()
    log.held |= {(RECEIPTS, 0): (8, 9), (INTAKE, 0): (0, 20), (INTAKE, 1): (20, 21)}
    log.held[INTAKE, 0] = (10, 20)
    log.put(INTAKE, 0, 10, 19)
    log.put(INTAKE, 1, 20, 20)
    report = check(log)
    gaps = {one.place.partition: one.gaps for one in report.sources}
    assert gaps == {0: (), 1: ((0, 19),)}
    assert {one.place.partition: one.gaps for one in check(log, from_start=True).sources}[0] == ((0, 9),)


def test_what_is_no_receipt_is_counted_and_fails() -> None:
    log = FakeLog()
    log.raw(b"no receipt")
    log.raw(None)
    report = check(log)
    assert report.unreadable == 2
    assert not report.ok


def test_progress_is_told_now_and_then() -> None:
    log = FakeLog()
    for number in range(2_000):
        log.put(INTAKE, 0, number, number)
    told: list[int] = []
    add_up(log, Settings(), told=told.append)
    assert told == [1_000, 2_000]
