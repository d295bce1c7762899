"""A record that is to be skipped is seen by nothing that could end the worker, and stands in its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from streams.codec.intake import Intake
from streams.codec.records import decode_dead_letter, decode_receipt
from streams.errors import Code
from streams.model import Disposition, Record, Run, Skip
from tests.unit.intake.rig import PLAIN, Rig

D = Disposition


def skip(rig: Rig, *records: Record) -> None:
    for record in records:
        rig.skips.put(Skip("cell", record.topic, record.partition, record.offset, "ends workers", "eve", 1))


def test_a_skipped_record_is_a_dead_letter_and_its_neighbours_keep_their_outcomes() -> None:
    rig = Rig()
    records = [rig.record(rig.json(event_id=f"e{number}")) for number in range(5)]
    skip(rig, records[1], records[3])
    outcomes = rig.run(*records)
    assert [one.source.offset for one in outcomes] == [record.offset for record in records]
    assert [one.disposition for one in outcomes] == [D.STORED, D.DEAD_LETTER, D.STORED, D.DEAD_LETTER, D.STORED]
    wave = rig.wave(outcomes)
    receipt = decode_receipt(wave[-1].value)
    assert receipt.skipped == (records[1].offset, records[3].offset)
    assert Run(records[1].offset, records[1].offset, D.DEAD_LETTER) in receipt.runs
    letters = [decode_dead_letter(out.value) for out in wave if out.topic == "t.dead-letter"]
    assert [(letter.code, letter.framing) for letter in letters] == [(Code.SKIPPED, "json")] * 2


def test_nothing_decodes_a_skipped_record(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    poison, good = rig.record(b"poison"), rig.record(rig.json())
    decode = Intake.decode

    def dies(intake: Intake, records: Sequence[Record]) -> Any:
        assert poison not in records, "a worker would have died here"
        return decode(intake, records)

    monkeypatch.setattr(Intake, "decode", dies)
    with pytest.raises(AssertionError, match="died"):
        rig.run(poison, good)
    skip(rig, poison)
    assert [one.disposition for one in rig.run(poison, good)] == [D.DEAD_LETTER, D.STORED]
    assert [one.code for one in rig.run(poison)] == [Code.SKIPPED], "alone in its batch as well"


def test_the_same_offset_of_another_partition_is_not_skipped() -> None:
    rig = Rig()
    record = rig.record(rig.json())
    rig.skips.put(Skip("cell", PLAIN, 1, record.offset, "ends workers", "eve", 1))
    assert [one.disposition for one in rig.run(record)] == [D.STORED]
