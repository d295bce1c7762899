"""Over ten thousand records, random and mutated: nothing crashes, nothing is lost, no content leaves by an error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import metrics
from streams.codec.records import encode_event, encode_signal
from streams.errors import Code
from streams.model import (
    LABELS,
    Content,
    Disposition,
    Facts,
    Kind,
    Message,
    Metadata,
    Outcome,
    Record,
    Role,
    Sealed,
    Shape,
    Signal,
    Source,
    StorageMode,
)
from streams.worker.outputs import tell
from tests.unit.intake.rig import INTAKE, NOW, PLAIN, SIGNALS, Rig

CANARY = "canary 5f0c1d kettle"  # no id: an id may stand in the clear
MUTATIONS = 12_000
BATCH = 200
TEXT = f"{CANARY} some words of a made-up text {CANARY}"


def valid(rig: Rig) -> list[tuple[str, bytes]]:
    """Records of every kind that are right, with the canary in every place that may hold text."""
    meta = Metadata("e1", "acme", Kind.PROMPT, application="app", conversation="c1")
    content = Content((Message(Role.USER, TEXT),), {CANARY: CANARY})
    signal = Signal(
        Source("cell", SIGNALS, 0, 0, NOW),
        Metadata("e1", "edgy", Kind.PROMPT),
        Facts(5, StorageMode.EDGE),
        bytes(len(LABELS)),
        (),
        Shape(9, 1, "en"),
        "d",
    )
    as_json = {
        "event_id": "e1",
        "account": "acme",
        "kind": "exchange",
        "messages": [{"role": "user", "content": TEXT}, {"role": "assistant", "content": TEXT}],
        "attributes": {CANARY: CANARY},
        "declared": {"uses": ["legal"], "audience": "consumer", "reviewed": True},
        "end_user": CANARY + " not an id",
        CANARY: CANARY,
    }
    return [
        (PLAIN, json.dumps(as_json).encode()),
        (PLAIN, json.dumps({"event_id": "e2", "account": "acme", "prompt": TEXT}).encode()),
        (PLAIN, encode_event(meta, content)),
        (INTAKE, rig.sealed("acme", TEXT)),
        (INTAKE, rig.sealed("quiet", TEXT)),
        (SIGNALS, encode_signal(signal)),
    ]


def mutated(choose: Random, value: bytes, other: bytes) -> bytes:
    """One random change: bits, a cut, a splice with another record, a repeated or replaced part, another header."""
    place = choose.randrange(len(value))
    kind = choose.randrange(8)
    if kind == 0:
        flipped = bytearray(value)
        for _ in range(choose.randrange(1, 6)):
            flipped[choose.randrange(len(flipped))] ^= 1 << choose.randrange(8)
        return bytes(flipped)
    if kind == 1:
        return value[:place]
    if kind == 2:
        return value[:place] + other[choose.randrange(len(other)) :]
    if kind == 3:
        return value[:place] + choose.randbytes(choose.randrange(1, 9)) + value[place:]
    if kind == 4:
        return value[:10] + choose.randbytes(choose.randrange(40))
    if kind == 5:
        return value.replace(b'"', b"", 1) if value[:1] == b"{" else value[10:]
    if kind == 6:
        swapped = choose.choice((b"null", b"[]", b"7", b"{}", b'"\\ud800"', b"1e999", b"true"))
        return value.replace(choose.choice((b'"acme"', b'"exchange"', b'"user"', b'["legal"]', b'"e1"')), swapped)
    return choose.randbytes(choose.randrange(60)) + value[place:]


def batches(rig: Rig) -> Iterator[list[Record]]:
    choose = Random(20230317)
    right = valid(rig)
    batch: list[Record] = []
    for number in range(MUTATIONS):
        topic, value = right[number % len(right)]
        if number % 20:
            value = mutated(choose, value, choose.choice(right)[1])
            topic = choose.choice((topic, topic, topic, PLAIN, INTAKE, SIGNALS))
        batch.append(rig.record(value, topic, at=NOW + choose.choice((0, 0, 0, -(10**10), 10**12))))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def check(rig: Rig, records: list[Record], outcomes: list[Outcome[Sealed]]) -> None:
    """One outcome for each record, in order; what is not ordinary has a code; no output holds the canary."""
    assert [outcome.source.offset for outcome in outcomes] == [record.offset for record in records]
    for outcome in outcomes:
        assert outcome.disposition in (Disposition.STORED, Disposition.NOT_STORED) or outcome.code is not None
        assert CANARY not in repr(outcome)
    for out in rig.wave(outcomes):
        assert CANARY.encode() not in out.key + out.value, out.topic


def test_mutations_of_right_records_end_each_in_one_way_and_leak_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig = Rig()
    taken = 0
    codes: set[Code] = set()
    endings: set[Disposition] = set()
    for records in batches(rig):
        outcomes = rig.run(*records)
        check(rig, records, outcomes)
        tell(PLAIN, outcomes, ())
        taken += len(outcomes)
        codes |= {outcome.code for outcome in outcomes if outcome.code is not None}
        endings |= {outcome.disposition for outcome in outcomes}
    assert taken == MUTATIONS
    assert {Code.TRUNCATED, Code.INVALID_JSON, Code.UNKNOWN_FINGERPRINT, Code.SEAL_BROKEN, Code.WRONG_TYPE} <= codes
    assert Code.PROCESS_FAILED not in codes, "every way in which it can fail has a name of its own"
    assert {Disposition.STORED, Disposition.NOT_STORED, Disposition.DEAD_LETTER, Disposition.REFUSED} <= endings
    assert CANARY not in caplog.text
    assert CANARY.encode() not in metrics.exposition()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "event_id", "account", "kind", "messages", "prompt", "completion", "occurred_at", "turn", "declared", "attributes",
    "storage", "region", "end_user", "sequence", "model", "application",
)  # fmt: skip
FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)
VALUES = (
    st.binary(max_size=80)
    | FIELDS.map(lambda fields: json.dumps(fields).encode())
    | FIELDS.map(lambda fields: json.dumps({"event_id": "e1", "account": "acme", **fields}).encode())
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, max_size=12), st.sampled_from((PLAIN, INTAKE, SIGNALS)))
def test_any_bytes_end_in_one_way_and_leak_nothing(
    caplog: pytest.LogCaptureFixture, values: list[bytes], topic: str
) -> None:
    caplog.set_level(logging.DEBUG)
    rig = RIG
    records = [rig.record(value, topic) for value in values]
    outcomes = rig.run(*records) if records else []
    check(rig, records, outcomes) if records else None
    assert CANARY not in caplog.text
    assert all(outcome.code is not Code.PROCESS_FAILED for outcome in outcomes)


RIG = Rig()
