"""Each outcome goes to its topics, and every offset into the receipt."""

from __future__ import annotations

import pytest

from streams.codec.records import (
    decode_count,
    decode_dead_letter,
    decode_ledger,
    decode_receipt,
    decode_tagged,
    decode_violation,
)
from streams.errors import Code
from streams.kafka.producer import Out, partition_of
from streams.model import Disposition, Run, Stage, StorageMode
from streams.worker.outputs import Outputs, make_receipt, missing_runs, replace_too_large
from tests.unit.worker.made import TOPIC, dead, outcome, source

D = Disposition
PARTITIONS = 4


def outputs(*counted: str) -> Outputs:
    return Outputs(lambda short: f"t.{short}", lambda topic: PARTITIONS, counted, "w-0")


def by_topic(outs: list[Out]) -> dict[str, list[Out]]:
    found: dict[str, list[Out]] = {}
    for out in outs:
        found.setdefault(out.topic, []).append(out)
    return found


def test_a_stored_violation_goes_to_tagged_its_area_and_the_ledger() -> None:
    outs, origin = outputs().wave([outcome(5, Stage.ENFORCE, partition=2)])
    found = by_topic(outs)
    assert set(found) == {"t.tagged", "t.violations.malware", "t.ledger"}
    assert decode_tagged(found["t.tagged"][0].value).source == source(5, 2)
    violation = decode_violation(found["t.violations.malware"][0].value)
    assert (violation.account, violation.end_user, violation.conversation) == ("acme", None, "c1")
    entry = decode_ledger(found["t.ledger"][0].value)
    assert entry.violation_id == violation.violation_id
    assert {out.partition for out in outs if out.topic != "t.ledger"} == {2}, "outputs keep the source's partition"
    assert found["t.ledger"][0].partition is None, "the ledger is keyed by account"
    assert origin == [0, 0, 0]


def test_a_rule_on_trial_goes_to_shadow_alone() -> None:
    outs, _ = outputs().wave([outcome(5, Stage.SHADOW)])
    assert set(by_topic(outs)) == {"t.tagged", "t.shadow"}


@pytest.mark.parametrize("mode", [StorageMode.NO_STORAGE, StorageMode.EDGE])
def test_of_what_is_not_stored_only_the_violation_is_written_without_conversation(mode: StorageMode) -> None:
    outs, _ = outputs().wave([outcome(5, Stage.ENFORCE, mode=mode), outcome(6, mode=mode)])
    found = by_topic(outs)
    assert set(found) == {"t.violations.malware", "t.ledger"}
    assert decode_violation(found["t.violations.malware"][0].value).conversation is None


def test_a_dead_letter_says_where_and_why() -> None:
    outs, _ = outputs().wave([dead(7)])
    (out,) = outs
    letter = decode_dead_letter(out.value)
    assert (out.topic, letter.source, letter.code) == ("t.dead-letter", source(7), Code.INVALID_JSON)


def test_counts_are_summed_by_account_label_and_minute_and_keyed_by_account() -> None:
    outs, origin = outputs("spam").wave([outcome(1, spam=50), outcome(2, spam=99), outcome(3, spam=49)])
    (place,) = [i for i, out in enumerate(outs) if out.topic == "t.counts"]
    count = decode_count(outs[place].value)
    assert (count.account, count.label, count.events, count.source.offset) == ("acme", "spam", 2, 1)
    assert (outs[place].key, outs[place].partition, origin[place]) == (b"acme", None, -1)
    assert 0 <= partition_of(b"acme", PARTITIONS) < PARTITIONS


def test_a_partition_number_beyond_the_outputs_topic_is_taken_modulo() -> None:
    outs, _ = outputs().wave([outcome(5, partition=7)])
    assert [out.partition for out in outs] == [7 % PARTITIONS]


def test_what_is_too_large_becomes_a_dead_letter_without_content() -> None:
    replaced = replace_too_large([outcome(1), outcome(2, Stage.ENFORCE)], {1})
    assert [one.disposition for one in replaced] == [D.STORED, D.DEAD_LETTER]
    outs, _ = outputs().wave(replaced)
    assert [out.topic for out in outs] == ["t.tagged", "t.dead-letter"]
    assert decode_dead_letter(outs[1].value).code is Code.OUTPUT_TOO_LARGE


@pytest.mark.parametrize(
    ("expected", "log_start", "offsets", "missing"),
    [
        (3, None, [3, 4, 5], []),
        (None, None, [9, 10], []),
        (3, 8, [8, 9], [Run(3, 7, D.LOST)]),
        (3, 5, [8, 9], [Run(3, 4, D.LOST), Run(5, 7, D.ABSENT)]),
        (3, None, [3, 6], [Run(4, 5, D.ABSENT)]),
        (3, 0, [5], [Run(3, 4, D.ABSENT)]),
    ],
)
def test_offsets_that_did_not_come_are_named(
    expected: int | None, log_start: int | None, offsets: list[int], missing: list[Run]
) -> None:
    assert missing_runs(expected, log_start, offsets) == missing


def test_a_receipt_covers_every_offset_that_was_due() -> None:
    receipt = make_receipt([outcome(4), outcome(5), dead(6)], [Run(0, 3, D.LOST)], "w-0", 2, "policy", 17)
    assert receipt.runs == (Run(0, 3, D.LOST), Run(4, 5, D.STORED), Run(6, 6, D.DEAD_LETTER))
    out = outputs().receipt(receipt)
    assert (out.topic, out.partition, decode_receipt(out.value)) == ("t.receipts", 0, receipt)
    assert receipt.topic == TOPIC
