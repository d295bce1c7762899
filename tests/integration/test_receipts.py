"""Receipts on a broker: read to their end, and compared with the logs that they account for."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.codec.records import encode_receipt
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.receipts import check_receipts
from streams.model import Disposition, Receipt, Run
from streams.settings import Settings
from tests.integration.deployment import deploy

pytestmark = pytest.mark.broker
D = Disposition


class Log:
    """Thirty records on `intake`, and receipts for them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.intake = topic_name(settings.topics, "intake")
        with Publisher(settings.kafka) as publisher:
            publisher.publish(self.intake, [(b"acme#0", b"sealed")] * 30)
        with Reader(settings.kafka) as reader:
            self.partition = next(at for (_, at), (_, end) in reader.bounds([self.intake]).items() if end == 30)

    def receipts(self, *runs: tuple[int, int, Disposition]) -> None:
        values = []
        for first, last, ending in runs:
            run = Run(first, last, ending)
            receipt = Receipt(self.settings.cell, self.intake, self.partition, (run,), "w", 1, "p", 0)
            values.append((b"receipt", encode_receipt(receipt)))
        with Publisher(self.settings.kafka) as publisher:
            publisher.publish(topic_name(self.settings.topics, "receipts"), values)


@pytest.fixture
def log(broker: EmbeddedBroker, tmp_path: Path) -> Log:
    return Log(deploy(broker.bootstrap, tmp_path))


def test_they_add_up_with_what_is_pending(log: Log) -> None:
    assert check_receipts(log.settings).pending == 30
    log.receipts((0, 19, D.STORED), (15, 24, D.STORED))
    report = check_receipts(log.settings)
    assert report.ok
    assert (report.totals, report.pending) == ({"stored": 25}, 5)
    assert sum(one.repeats for one in report.sources) == 5


def test_a_gap_and_a_conflict_are_found(log: Log) -> None:
    log.receipts((0, 9, D.NOT_STORED), (12, 29, D.STORED), (3, 3, D.STORED))
    report = check_receipts(log.settings, "intake")
    (one,) = [source for source in report.sources if source.accounted]
    assert not report.ok
    assert one.gaps == ((10, 11),)
    assert one.conflicts == {("not_stored", "stored"): 1}


def test_a_replay_of_everything_adds_up(log: Log) -> None:
    log.receipts((0, 29, D.STORED), (0, 29, D.STORED))
    report = check_receipts(log.settings)
    assert report.ok
    assert (report.totals, report.pending) == ({"stored": 30}, 0)
