"""Single-object encoding: two marker bytes, the schema's fingerprint, the datum. The first bytes tell what bytes are.

Every failure is one of our codes; no library's message gets through, since it may carry its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, NamedTuple

from fastavro import schemaless_reader

from streams.codec.generated import Reader, Writer, reader, writer
from streams.codec.schemas import MARKER, Schema, by_fingerprint, newest
from streams.errors import Code, DecodeError

__all__ = ["HEADER", "Framing", "frame", "framing_of", "read", "read_by_reference", "unframe"]

HEADER = 10
Framing = Literal["avro", "json", "none", "unknown"]
_BLANK = b" \t\r\n"


class Seen(NamedTuple):
    """How bytes are framed, and the fingerprint of their writer's schema (16 hexadecimal digits, little-endian)."""

    framing: Framing
    fingerprint: str | None


def framing_of(value: bytes | None) -> Seen:
    """Tell by the first bytes what a value is."""
    if not value:
        return Seen("none", None)
    if value[:2] == MARKER:
        return Seen("avro", value[2:HEADER].hex() if len(value) >= HEADER else None)
    return Seen("json" if value.lstrip(_BLANK)[:1] == b"{" else "unknown", None)


def frame(record: str, fields: Mapping[str, Any]) -> bytes:
    """Encode with the newest schema of a record. Records inside it are objects with attributes of its fields' names."""
    return _writer(record)(fields)


@lru_cache(maxsize=64)
def _writer(record: str) -> Writer:
    schema = newest(record)
    return writer(schema.parsed, schema.header)


@lru_cache(maxsize=64)
def _reader(record: str) -> Reader:
    return reader(newest(record).parsed)


def unframe(value: bytes | None, record: str) -> dict[str, Any]:
    """Decode a value that must be `record`, in any known version; `DecodeError` says what else it is."""
    if not value:
        raise DecodeError(Code.EMPTY)
    if value[:2] != MARKER:
        raise DecodeError(Code.UNKNOWN_FRAMING, 0)
    if len(value) < HEADER:
        raise DecodeError(Code.TRUNCATED, len(value))
    schema = by_fingerprint().get(value[2:HEADER])
    if schema is None:
        raise DecodeError(Code.UNKNOWN_FINGERPRINT, 2)
    if schema.record != record:
        raise DecodeError(Code.WRONG_SCHEMA, 2)
    return read(value, schema)


def read(value: bytes, schema: Schema) -> dict[str, Any]:
    """Decode the datum behind the header, resolved to the newest version. The whole value must be used up.

    A length that points beyond the end, or backwards, never allocates more than the value itself.
    """
    if newest(schema.record).fingerprint == schema.fingerprint:
        try:
            return _reader(schema.record)(value, HEADER)
        except Exception:  # the reference tells what is wrong with it, or reads it after all
            return read_by_reference(value, schema)
    return read_by_reference(value, schema)


def read_by_reference(value: bytes, schema: Schema) -> dict[str, Any]:
    """The same without generated code, and more slowly: for other versions, and for what is broken."""
    stream = BytesIO(value)
    stream.seek(HEADER)
    target = newest(schema.record)
    reader_schema = None if target.fingerprint == schema.fingerprint else target.parsed
    try:
        datum: dict[str, Any] = schemaless_reader(stream, schema.parsed, reader_schema)
    except EOFError:
        raise DecodeError(Code.TRUNCATED, stream.tell()) from None
    except UnicodeDecodeError:
        raise DecodeError(Code.INVALID_UTF8, stream.tell()) from None
    except Exception:
        raise DecodeError(Code.INVALID_AVRO, stream.tell()) from None
    if stream.tell() != len(value):
        raise DecodeError(Code.TRAILING_BYTES, stream.tell())
    return datum
