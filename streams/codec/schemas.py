"""Avro schemas: found, parsed, fingerprinted, compared.

A schema lies in `schemas/<record>/v<N>.avsc` (in a wheel: inside the package) and never changes once released.
`avro` parses, fingerprints and compares; `fastavro` reads and writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import avro.compatibility
import avro.schema
import fastavro

from streams.errors import SchemaError

__all__ = ["MARKER", "Schema", "by_fingerprint", "check_compatible", "folder", "newest", "parse", "versions"]

MARKER = b"\xc3\x01"  # Avro single-object encoding, version 1


class Schema(NamedTuple):
    """One version of one record's schema. `fingerprint` is CRC-64-AVRO, 8 bytes, little-endian as on the wire."""

    record: str
    version: int
    text: str
    parsed: Any
    fingerprint: bytes

    @property
    def header(self) -> bytes:
        """The ten bytes before every record of this schema."""
        return MARKER + self.fingerprint


def folder() -> Path:
    """Where the schemas lie: in the package when installed, else at the root of the checkout."""
    package = Path(__file__).parents[1]
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def parse(record: str, version: int, text: str) -> Schema:
    """Parse one schema. `SchemaError` names the record and version when it does not hold."""
    try:
        fingerprint: bytes = avro.schema.parse(text).fingerprint("CRC-64-AVRO")
        return Schema(record, version, text, fastavro.parse_schema(json.loads(text)), fingerprint)
    except Exception as error:
        raise SchemaError(f"schema {record} v{version} does not parse: {type(error).__name__}") from None


@lru_cache(maxsize=1)
def versions() -> Mapping[str, tuple[Schema, ...]]:
    """All versions of all records, oldest first, by record."""
    found: dict[str, tuple[Schema, ...]] = {}
    for place in sorted(place for place in folder().iterdir() if place.is_dir()):
        files = sorted(place.glob("v*.avsc"), key=lambda path: int(path.stem[1:]))
        found[place.name] = tuple(
            parse(place.name, int(path.stem[1:]), path.read_text(encoding="utf-8")) for path in files
        )
    return found


@lru_cache(maxsize=64)
def newest(record: str) -> Schema:
    """The version of a record that is written."""
    return versions()[record][-1]


@lru_cache(maxsize=1)
def by_fingerprint() -> Mapping[bytes, Schema]:
    """All versions of all records by fingerprint."""
    return {schema.fingerprint: schema for known in versions().values() for schema in known}


def check_compatible(old: str, new: str) -> list[str]:
    """What keeps readers with `new` from reading what was written with `old`; empty when they can."""
    checker = avro.compatibility.ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(avro.schema.parse(new), avro.schema.parse(old))
    if result.compatibility is avro.compatibility.SchemaCompatibilityType.compatible:
        return []
    return sorted(result.messages) or ["the schemas are not compatible"]
