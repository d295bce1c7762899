"""The worker's way in: bytes of Kafka to events, batch by batch. Bad bytes are values here, never exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import structs

from streams.codec.events import decode_event, decode_json_event, decode_sealed_event
from streams.codec.framing import framing_of, unframe
from streams.codec.identity import RESERVED, Digester
from streams.codec.outcomes import decode_signal
from streams.codec.straight import sealed_event_reader
from streams.errors import Code, DecodeError, RecordError
from streams.model import (
    Content,
    Disposition,
    Event,
    Metadata,
    Record,
    Rejected,
    SealedEvent,
    Signal,
    Source,
    TransitSealed,
)

__all__ = ["Intake", "Way", "apply_reserved"]

Way = Literal["sealed", "plain", "signals"]
Taken = SealedEvent | Event | Signal | Rejected


class Intake:
    """Decodes records of the source topics. `topics` says what each holds; `max_bytes` bounds a value."""

    def __init__(self, cell: str, digest_key: bytes, max_bytes: int, topics: Mapping[str, Way]) -> None:
        self.cell = cell
        self.digest_key = digest_key
        self._max_bytes = max_bytes
        self._topics = dict(topics)

    def __repr__(self) -> str:
        return f"<Intake {self.cell} {', '.join(self._topics)}>"

    def decode(self, records: Sequence[Record]) -> list[Taken]:
        """One out for each record, in order. Whatever one record causes, the others are not touched by it."""
        digester = Digester(self.digest_key)
        read, ways, most, cell = sealed_event_reader(), self._topics, self._max_bytes, self.cell
        taken: list[Taken] = []
        for record in records:
            topic, value = record.topic, record.value
            if value is not None and len(value) <= most and ways.get(topic) == "sealed":
                try:
                    found = read(value)
                except Exception:  # the slower way takes it all the same, or says what is wrong with it
                    taken.append(self._one(record, digester))
                else:
                    source = Source(cell, topic, record.partition, record.offset, record.timestamp)
                    taken.append(SealedEvent(source, *found))
            else:
                taken.append(self._one(record, digester))
        return taken

    def skipped(self, record: Record) -> Rejected:
        """A record that is gone past: nothing but its first bytes is looked at."""
        source = Source(self.cell, record.topic, record.partition, record.offset, record.timestamp)
        return self._rejected(source, record.value, Code.SKIPPED, None)

    def _one(self, record: Record, digester: Digester) -> Taken:
        source = Source(self.cell, record.topic, record.partition, record.offset, record.timestamp)
        try:
            return self._decode(source, record.value, self._topics[record.topic], digester)
        except RecordError as error:
            return self._rejected(source, record.value, error.code, error.position)
        except Exception:
            # A defect of ours or of a codec library: this record is set aside, its neighbours go on.
            return self._rejected(source, record.value, Code.PROCESS_FAILED, None)

    def _decode(self, source: Source, value: bytes | None, way: Way, digester: Digester) -> Taken:
        if not value:
            raise DecodeError(Code.EMPTY)
        if len(value) > self._max_bytes:
            raise DecodeError(Code.TOO_LARGE)
        if way == "sealed":
            return SealedEvent(source, *self._sealed(value, digester))
        if way == "signals":
            return structs.replace(decode_signal(value, digester), source=source)
        if framing_of(value).framing == "json":
            return Event(source, *decode_json_event(value, digester))
        return Event(source, *decode_event(value, digester))

    @staticmethod
    def _sealed(value: bytes, digester: Digester) -> tuple[Metadata, TransitSealed]:
        if framing_of(value).framing == "json":
            raise DecodeError(Code.CLEAR_ON_SEALED_TOPIC, 0)
        try:
            return decode_sealed_event(value, digester)
        except DecodeError as error:
            if error.code is Code.WRONG_SCHEMA and _is_clear(value):
                raise DecodeError(Code.CLEAR_ON_SEALED_TOPIC, 2) from None
            raise

    @staticmethod
    def _rejected(source: Source, value: bytes | None, code: Code, position: int | None) -> Rejected:
        seen = framing_of(value)
        return Rejected(
            source=source,
            code=code,
            disposition=Disposition.DEAD_LETTER,
            size=len(value or b""),
            framing=seen.framing,
            fingerprint=seen.fingerprint,
            position=position,
        )


def _is_clear(value: bytes) -> bool:
    try:
        unframe(value, "event")
    except RecordError as error:
        return error.code is not Code.WRONG_SCHEMA
    return True


def apply_reserved(meta: Metadata, content: Content, digest_key: bytes) -> tuple[Metadata, Content]:
    """Raw ids that an SDK put inside the seal: digested into the metadata, and taken off the attributes."""
    attributes = content.attributes
    if not attributes or not any(name in attributes for name in RESERVED):
        return meta, content
    digester = Digester(digest_key)
    changed = {field: digester.id(attributes[name]) for name, field in RESERVED.items() if attributes.get(name)}
    left = {name: value for name, value in attributes.items() if name not in RESERVED}
    meta = structs.replace(meta, **changed, digested=meta.digested + digester.count)
    return meta, Content(content.messages, left)
