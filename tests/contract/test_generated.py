"""The generated codec does what the reference does: same bytes, same values, same verdict on bytes that are broken."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.codec.framing import HEADER, read, read_by_reference
from streams.codec.generated import reader, writer
from streams.codec.schemas import Schema, newest, versions
from streams.codec.varint import number, read_long
from streams.errors import DecodeError, SchemaError
from tests.contract.samples import SAMPLES

LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
RECORDS = sorted(versions())
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=200) | st.just("long " * 4_000),
    "bytes": st.binary(max_size=200) | st.just(bytes(20_000)),
    "long": LONGS | st.integers(-3, 10_000),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "boolean": st.booleans(),
}


def data_of(kind: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any value of an Avro type."""
    if isinstance(kind, list):
        return st.none() | data_of(kind[1], named)
    if isinstance(kind, str):
        return SCALARS[kind] if kind in SCALARS else data_of(named[kind], named)
    match kind["type"]:
        case "record":
            return st.fixed_dictionaries({f["name"]: data_of(f["type"], named) for f in kind["fields"]})
        case "enum":
            return st.sampled_from(kind["symbols"])
        case "array":
            return st.lists(data_of(kind["items"], named), max_size=4)
        case "map":
            return st.dictionaries(st.text(max_size=20), data_of(kind["values"], named), max_size=4)
    return SCALARS[kind["type"]]


def written_by_reference(schema: Schema, value: dict[str, Any]) -> bytes:
    out = BytesIO()
    out.write(schema.header)
    fastavro.schemaless_writer(out, schema.parsed, value)
    return out.getvalue()


def outcome_of(reading: Callable[[bytes, Schema], Any], value: bytes, schema: Schema) -> object:
    """What comes out of reading: the value, or the code and place of the mistake."""
    try:
        return reading(value, schema)
    except DecodeError as error:
        return error.code, error.position


def as_objects(value: Any, kind: Any, named: dict[str, Any], outermost: bool = True) -> Any:
    """Records inside the record as objects, as the writer takes them."""
    kind = named.get(kind, kind) if isinstance(kind, str) else kind
    if isinstance(kind, list):
        return None if value is None else as_objects(value, kind[1], named, False)
    if not isinstance(kind, dict) or kind["type"] not in ("array", "record"):
        return value
    if kind["type"] == "array":
        return [as_objects(one, kind["items"], named, False) for one in value]
    inner = {f["name"]: as_objects(value[f["name"]], f["type"], named, False) for f in kind["fields"]}
    return inner if outermost else SimpleNamespace(**inner)


@pytest.mark.parametrize("record", RECORDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_reader_gives_what_the_reference_gives(record: str, data: st.DataObject) -> None:
    schema = newest(record)
    value = data.draw(data_of(schema.parsed, schema.parsed["__named_schemas"]))
    raw = written_by_reference(schema, value)
    assert reader(schema.parsed)(raw, HEADER) == value


@pytest.mark.parametrize("record", RECORDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_writer_gives_the_bytes_of_the_reference(record: str, data: st.DataObject) -> None:
    schema = newest(record)
    named = schema.parsed["__named_schemas"]
    value = data.draw(data_of(schema.parsed, named))
    given_to_it = as_objects(value, schema.parsed, named)
    assert writer(schema.parsed, schema.header)(given_to_it) == written_by_reference(schema, value)


@pytest.mark.parametrize("record", RECORDS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_get_the_verdict_of_the_reference(record: str, data: st.DataObject) -> None:
    schema = newest(record)
    raw = bytearray(SAMPLES[record].encoded)
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(HEADER, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(raw[: data.draw(st.just(len(raw)) | st.integers(HEADER, len(raw)))])
    assert outcome_of(read, broken, schema) == outcome_of(read_by_reference, broken, schema)


@given(LONGS)
def test_a_number_is_read_back(value: int) -> None:
    raw = number(value)
    assert read_long(raw + b"\x00", 0) == (value, len(raw))


def test_a_number_beyond_64_bits_is_refused() -> None:
    for value in (1 << 63, -(1 << 63) - 1):
        with pytest.raises(OverflowError):
            number(value)


def test_a_type_that_is_not_known_is_named_when_the_function_is_made() -> None:
    strange = {"type": "record", "fields": [{"name": "x", "type": "double"}], "__named_schemas": {}}
    with pytest.raises(SchemaError, match="double"):
        writer(strange)
    with pytest.raises(SchemaError, match="double"):
        reader(strange)
