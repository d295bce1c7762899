"""What we write others read, what others write we read; released schemas and bytes do not change."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest

from streams.codec import records
from streams.codec.schemas import MARKER, Schema, check_compatible, folder, newest, parse, versions
from streams.errors import SchemaError
from tests.contract.samples import SAMPLES

GOLDEN = Path(__file__).parent / "golden"
RECORDS = sorted(SAMPLES)
ALL = [schema for known in versions().values() for schema in known]
NAMED = [f"{schema.record} v{schema.version}" for schema in ALL]


def by_avro(data: bytes, schema: Schema) -> Any:
    """The datum as the avro package reads it."""
    return avro.io.DatumReader(avro.schema.parse(schema.text)).read(avro.io.BinaryDecoder(io.BytesIO(data[10:])))


def plain(value: Any) -> Any:
    """Enumerations and bytes as plain values, so that two readers' data can be compared."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def test_there_is_a_sample_for_every_record() -> None:
    assert sorted(versions()) == RECORDS


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_is_single_object_encoded_and_comes_back_as_it_was(record: str) -> None:
    sample = SAMPLES[record]
    assert sample.encoded[:10] == MARKER + newest(record).fingerprint
    again = sample.again()
    if record in ("content", "evidence", "event"):  # content compares by its bytes alone
        encode = getattr(records, f"encode_{record}")
        assert (encode(*again) if record == "event" else encode(again)) == sample.encoded
    else:
        assert again == sample.value


@pytest.mark.parametrize("record", RECORDS)
def test_avro_and_fastavro_read_what_we_write_the_same(record: str) -> None:
    data, schema = SAMPLES[record].encoded, newest(record)
    by_fastavro = fastavro.schemaless_reader(io.BytesIO(data[10:]), json.loads(schema.text), None)
    assert plain(by_avro(data, schema)) == plain(by_fastavro)


@pytest.mark.parametrize("record", RECORDS)
def test_we_read_what_avro_writes(record: str) -> None:
    sample, schema = SAMPLES[record], newest(record)
    out = io.BytesIO()
    datum = by_avro(sample.encoded, schema)
    avro.io.DatumWriter(avro.schema.parse(schema.text)).write(datum, avro.io.BinaryEncoder(out))
    theirs = MARKER + avro.schema.parse(schema.text).fingerprint("CRC-64-AVRO") + out.getvalue()
    assert theirs == sample.encoded
    sample.decode(theirs)


@pytest.mark.parametrize("record", RECORDS)
def test_we_read_what_fastavro_writes(record: str) -> None:
    sample, schema = SAMPLES[record], newest(record)
    parsed = json.loads(schema.text)
    datum = fastavro.schemaless_reader(io.BytesIO(sample.encoded[10:]), parsed, None)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, datum)
    assert schema.header + out.getvalue() == sample.encoded


@pytest.mark.parametrize("schema", ALL, ids=NAMED)
def test_released_bytes_are_still_read_and_still_written(schema: Schema) -> None:
    golden = bytes.fromhex((GOLDEN / f"{schema.record}.v{schema.version}.hex").read_text())
    SAMPLES[schema.record].decode(golden)
    if schema.fingerprint == newest(schema.record).fingerprint:
        assert SAMPLES[schema.record].encoded == golden


def test_released_schemas_have_the_fingerprints_that_were_published() -> None:
    published = json.loads((folder() / "fingerprints.json").read_text())
    assert published == {f"{schema.record}/v{schema.version}": schema.fingerprint.hex() for schema in ALL}


@pytest.mark.parametrize("schema", ALL, ids=NAMED)
def test_every_record_and_field_is_documented(schema: Schema) -> None:
    assert undocumented(json.loads(schema.text)) == []


def undocumented(schema: Any, place: str = "") -> list[str]:
    """Named types and fields without a doc."""
    if isinstance(schema, list):
        return [name for branch in schema for name in undocumented(branch, place)]
    if not isinstance(schema, dict):
        return []
    found = []
    name = f"{place}/{schema.get('name', '')}"
    if schema["type"] in ("record", "enum", "fixed") and not schema.get("doc"):
        found.append(name)
    for field in schema.get("fields", ()):
        if not field.get("doc"):
            found.append(f"{name}.{field['name']}")
        found += undocumented(field["type"], f"{name}.{field['name']}")
    for key in ("items", "values"):
        found += undocumented(schema.get(key), place)
    return found


def test_a_field_without_a_doc_is_found() -> None:
    schema = {"type": "record", "name": "R", "doc": "d", "fields": [{"name": "a", "type": "int"}]}
    assert undocumented(schema) == ["/R.a"]


@pytest.mark.parametrize("record", RECORDS)
def test_adjacent_versions_are_compatible_both_ways_of_an_upgrade(record: str) -> None:
    known = versions()[record]
    for old, new in itertools.pairwise(known):
        assert check_compatible(old.text, new.text) == [], "new readers read old records"
        assert check_compatible(new.text, old.text) == [], "old readers read new records, while both run"
    assert check_compatible(known[-1].text, known[-1].text) == []


OLD = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "a", "type": "long"},
        {"name": "b", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"]}},
    ],
}


@pytest.mark.parametrize(
    ("change", "compatible"),
    [
        (lambda fields: fields.append({"name": "c", "type": ["null", "int"], "default": None}), True),
        (lambda fields: fields.pop(), True),
        (lambda fields: fields.append({"name": "c", "type": "int"}), False),
        (lambda fields: fields[0].update(type="string"), False),
        (lambda fields: fields[0].update(type="int"), False),
        (lambda fields: fields[0].update(name="renamed"), False),
        (lambda fields: fields[1]["type"].update(symbols=["x"]), False),
    ],
    ids=["added with default", "removed", "added without default", "other type", "narrower", "renamed", "symbol gone"],
)
def test_the_check_tells_a_change_that_breaks_readers_from_one_that_does_not(change: Any, compatible: bool) -> None:
    new = json.loads(json.dumps(OLD))
    change(new["fields"])
    assert (check_compatible(json.dumps(OLD), json.dumps(new)) == []) is compatible


def test_a_schema_that_does_not_parse_is_named() -> None:
    with pytest.raises(SchemaError, match="schema thing v3 does not parse"):
        parse("thing", 3, '{"type": "record"}')
