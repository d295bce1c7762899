"""The readers of the hot path give what the slower way gives, or leave the record to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.codec.events import decode_sealed_event
from streams.codec.framing import HEADER, frame
from streams.codec.identity import Digester
from streams.codec.intake import Intake
from streams.codec.records import decode_content, encode_content
from streams.codec.straight import content_reader, sealed_event_reader
from streams.errors import RecordError
from streams.model import Content, Message, Record, Rejected, Role, SealedEvent
from tests.contract.samples import SAMPLES

IDS = st.sampled_from(["acme", "a.b-c:d_1", "x" * 128, "e-17"])
STRANGE = st.sampled_from(["", "jo@example.org", "x" * 129, "é", "a b"])
LONGS = (
    st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(1_600_000_000_000, 1_900_000_000_000) | st.integers(0, 9_000)
)
DECLARED = st.fixed_dictionaries(
    {
        "uses": st.lists(IDS, max_size=70) | st.lists(STRANGE, max_size=2),
        "audience": st.none() | st.sampled_from(["consumer", "business"]),
        "disclosures": st.lists(IDS, max_size=3),
        "reviewed": st.none() | st.booleans(),
        "simulated_person": st.none() | st.sampled_from(["historical", "labelled"]) | IDS,
    }
)
SEALED = st.fixed_dictionaries(
    {
        "event_id": IDS | STRANGE,
        "account": IDS | STRANGE,
        "kind": st.sampled_from(["prompt", "completion", "exchange", "file"]),
        "occurred_at": LONGS,
        **{name: st.none() | IDS | STRANGE for name in ("application", "end_user", "conversation", "model")},
        **{name: st.none() | IDS for name in ("trace_id", "producer", "region")},
        **{name: st.none() | LONGS for name in ("turn", "sequence")},
        "declared": st.just(None) | DECLARED,
        "storage": st.none() | st.sampled_from(["standard", "no_storage", "edge"]),
        "key": IDS | STRANGE,
        "wrapped": st.binary(max_size=90),
        "nonce": st.binary(max_size=13),
        "ciphertext": st.binary(max_size=300) | st.just(bytes(20_000)),
    }
)


class Declared:
    """What the writer takes for a record inside a record."""

    def __init__(self, fields: dict[str, Any] | None) -> None:
        empty: dict[str, Any] = {"uses": (), "audience": None, "disclosures": (), "reviewed": None}
        self.__dict__.update(fields or {**empty, "simulated_person": None})


def outcome(read: Any, *arguments: Any) -> object:
    """What reading gives: values, or why there are none."""
    try:
        return read(*arguments)
    except RecordError as error:
        return error.code, error.position


def encoded(fields: dict[str, Any]) -> bytes:
    return frame("sealed_event", {**fields, "declared": Declared(fields["declared"])})


@given(SEALED)
@settings(max_examples=300, deadline=None)
def test_a_sealed_event_is_read_as_the_slower_way_reads_it_or_left_to_it(fields: dict[str, Any]) -> None:
    raw = encoded(fields)
    digester = Digester(b"key")
    slower = outcome(decode_sealed_event, raw, digester)
    try:
        found = sealed_event_reader()(raw)
    except Exception:
        return
    assert found == slower
    assert digester.count == 0


def test_what_is_right_and_common_is_not_left_to_the_slower_way() -> None:
    meta, sealed = sealed_event_reader()(SAMPLES["sealed_event"].encoded)
    assert (meta, sealed) == decode_sealed_event(SAMPLES["sealed_event"].encoded, Digester(b"key"))
    assert meta.declared.uses


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_broken_bytes_are_never_read_as_something_else(data: st.DataObject) -> None:
    raw = bytearray(SAMPLES["sealed_event"].encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(HEADER, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(raw[: data.draw(st.integers(HEADER, len(raw)))])
    intake = Intake("cell", b"key", 1 << 20, {"intake": "sealed"})
    [taken] = intake.decode([Record("intake", 0, 7, 1_700_000_000_000, None, broken)])
    slower = outcome(decode_sealed_event, broken, Digester(b"key"))
    if isinstance(taken, SealedEvent):
        assert (taken.meta, taken.sealed) == slower
    else:
        assert isinstance(taken, Rejected)
        assert (taken.code, taken.position) == slower


@given(
    st.lists(st.builds(Message, st.sampled_from(Role), st.text(max_size=40)), max_size=4),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
@settings(deadline=None)
def test_a_content_is_read_back_or_refused_as_the_slower_way_does(
    messages: list[Message], more: dict[str, str]
) -> None:
    content = Content(tuple(messages), more)
    raw = encode_content(content)
    if any(message.text for message in messages):
        assert content_reader()(raw) == content == decode_content(raw)
    else:
        with pytest.raises(ValueError, match="no content"):
            content_reader()(raw)
        with pytest.raises(RecordError):
            decode_content(raw)
