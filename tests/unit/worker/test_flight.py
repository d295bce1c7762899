"""Delivery in flight: outputs, then the receipt, then the acknowledgement; a failure acknowledges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streams.codec.records import decode_receipt
from streams.errors import BrokerUnavailable, ComplianceError
from streams.kafka.producer import Out, TooLarge
from streams.model import Disposition, Outcome, Run, Sealed, Stage
from streams.worker.flight import Flight
from streams.worker.outputs import Outputs
from tests.unit.worker.made import TOPIC, dead, outcome


class Topics:
    """Takes waves; refuses or fails as told, and waits where a gate is given."""

    def __init__(self, *, limit: int = 1 << 20, fail_at: int | None = None, gate: asyncio.Event | None = None) -> None:
        self.waves: list[list[Out]] = []
        self._limit = limit
        self._fail_at = fail_at
        self._gate = gate

    async def deliver(self, items: Sequence[Out]) -> None:
        if self._gate is not None:
            await self._gate.wait()
        if self._fail_at == len(self.waves):
            raise BrokerUnavailable("gone")
        large = frozenset(i for i, item in enumerate(items) if len(item.value) > self._limit)
        self.waves.append([item for i, item in enumerate(items) if i not in large])
        if large:
            raise TooLarge(large)


class Landing:
    topic = TOPIC
    generation = 3
    oldest_ms = 0

    def __init__(self, sink: Topics, *missing: Run) -> None:
        self.missing: Sequence[Run] = missing
        self.acknowledged_after: int | None = None
        self._sink = sink

    def acknowledge(self) -> None:
        self.acknowledged_after = len(self._sink.waves)


class Flown:
    """A flight of batches over a sink, run to the end."""

    def __init__(self, sink: Topics, slots: int = 2, records: int = 100) -> None:
        self.failures: list[ComplianceError] = []
        outputs = Outputs(lambda short: f"t.{short}", lambda topic: 4, (), "w")
        self.flight = Flight(sink, outputs, slots, records, self.failures.append, lambda: 17)

    async def fly(self, landing: Landing, outcomes: list[Outcome[Sealed]]) -> None:
        await self.flight.launch(landing, outcomes, "policy")
        await self.flight.landed()


def fly(sink: Topics, outcomes: list[Outcome[Sealed]], *missing: Run) -> tuple[Landing, list[ComplianceError]]:
    async def run() -> tuple[Landing, list[ComplianceError]]:
        flown, landing = Flown(sink), Landing(sink, *missing)
        await flown.fly(landing, outcomes)
        return landing, flown.failures

    return asyncio.run(run())


def topics(wave: list[Out]) -> list[str]:
    return [out.topic for out in wave]


def test_outputs_then_the_receipt_then_the_acknowledgement() -> None:
    sink = Topics()
    landing, failures = fly(sink, [outcome(4, Stage.ENFORCE), dead(5)], Run(2, 3, Disposition.LOST))
    assert [topics(wave) for wave in sink.waves] == [
        ["t.tagged", "t.violations.malware", "t.ledger", "t.dead-letter"],
        ["t.receipts"],
    ]
    assert (landing.acknowledged_after, failures) == (2, [])
    receipt = decode_receipt(sink.waves[1][0].value)
    assert (receipt.runs[0].first, receipt.runs[-1].last, receipt.generation) == (2, 5, 3)


def test_outputs_that_fail_leave_no_receipt_and_no_acknowledgement() -> None:
    sink = Topics(fail_at=0)
    landing, failures = fly(sink, [outcome(4)])
    assert (landing.acknowledged_after, sink.waves) == (None, [])
    assert [type(error) for error in failures] == [BrokerUnavailable]


def test_a_receipt_that_fails_leaves_no_acknowledgement() -> None:
    sink = Topics(fail_at=1)
    landing, failures = fly(sink, [outcome(4)])
    assert (landing.acknowledged_after, len(sink.waves), len(failures)) == (None, 1, 1)


def test_an_outcome_too_large_for_its_topic_becomes_a_dead_letter_and_the_rest_goes_on() -> None:
    large = outcome(5, Stage.ENFORCE)
    assert large.keep is not None
    grown = Outcome(
        large.source,
        large.disposition,
        large.signal,
        large.decision,
        Sealed("a1", "d1", b"A" * 80, b"D" * 80, b"N" * 12, bytes(5_000)),
    )
    sink = Topics(limit=4_000)
    landing, failures = fly(sink, [outcome(4), grown])
    assert failures == []
    assert "t.tagged" in topics(sink.waves[0])
    assert topics(sink.waves[1]) == ["t.dead-letter"], "what was delivered is not sent again"
    receipt = decode_receipt(sink.waves[2][0].value)
    assert receipt.runs == (Run(4, 4, Disposition.STORED), Run(5, 5, Disposition.DEAD_LETTER))
    assert landing.acknowledged_after == 3


def test_a_dead_letter_too_large_stops_the_worker_and_does_not_go_round_for_ever() -> None:
    sink = Topics(limit=1)
    landing, failures = fly(sink, [dead(4)])
    assert landing.acknowledged_after is None
    assert "streams topics check" in str(failures[0])


@pytest.mark.parametrize(
    ("slots", "records", "sizes"),
    [(2, 100, (1, 1, 1)), (9, 4, (1, 3, 1)), (9, 4, (2, 1, 6))],
    ids=["slots", "records", "a large one behind small ones"],
)
def test_a_batch_waits_while_slots_or_records_are_used_up(slots: int, records: int, sizes: tuple[int, ...]) -> None:
    async def run() -> None:
        gate = asyncio.Event()
        sink = Topics(gate=gate)
        flown = Flown(sink, slots, records)
        batches = [[outcome(10 * place + number) for number in range(size)] for place, size in enumerate(sizes)]
        for batch in batches[:-1]:
            await flown.flight.launch(Landing(sink), batch, "policy")
        third = asyncio.create_task(flown.flight.launch(Landing(sink), batches[-1], "policy"))
        done, _ = await asyncio.wait([third], timeout=0.05)
        assert not done, "the third waits for room"
        gate.set()
        await third
        await flown.flight.landed()
        assert len(sink.waves) == 6

    asyncio.run(run())


def test_a_batch_of_more_records_than_may_fly_flies_alone() -> None:
    sink = Topics()

    async def run() -> None:
        await Flown(sink, records=2).fly(Landing(sink), [outcome(number) for number in range(5)])

    asyncio.run(run())
    assert len(sink.waves) == 2
