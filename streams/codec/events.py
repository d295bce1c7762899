"""Events, content and evidence: what applications send, and what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from msgspec.structs import asdict

from streams.codec.framing import frame, unframe
from streams.codec.generated import writer_of
from streams.codec.identity import Digester, is_id
from streams.codec.metadata import metadata_from
from streams.codec.schemas import newest
from streams.codec.straight import MANY_MESSAGES, content_reader
from streams.errors import Code, DecodeError, InvalidEvent
from streams.model import (
    INDEX,
    LABELS,
    Content,
    Evidence,
    Finding,
    Message,
    Metadata,
    Role,
    Span,
    TransitSealed,
)

__all__ = [
    "decode_content",
    "decode_event",
    "decode_evidence",
    "decode_json_event",
    "decode_sealed_event",
    "encode_content",
    "encode_event",
    "encode_evidence",
    "encode_sealed_event",
]

_ROLES = {role.value: role for role in Role}
_LONG = 1 << 63


class _Found(NamedTuple):
    """A finding as it is written: its label by name."""

    label: str
    score: int
    spans: Sequence[Span]
    detector: str
    clue: str


def encode_event(meta: Metadata, content: Content) -> bytes:
    """An event in the clear, for `intake.plain`."""
    return frame("event", {**asdict(meta), **_content_to(content)})


def encode_sealed_event(meta: Metadata, sealed: TransitSealed) -> bytes:
    """An event whose content is sealed, for `intake`."""
    return frame("sealed_event", {**asdict(meta), **asdict(sealed)})


def encode_content(content: Content) -> bytes:
    """What is sealed on the way."""
    written: bytes = _content_writer("content")(content.messages, content.attributes, ())
    return written


@lru_cache(maxsize=2)
def _content_writer(record: str) -> Callable[..., bytes]:
    schema = newest(record)
    places = {"messages": "m", "attributes": "a", "findings": "f"}
    made: Callable[..., bytes] = writer_of(schema.parsed, schema.header, "m, a, f", places)
    return made


def decode_content(data: bytes) -> Content:
    """The inverse; `DecodeError` or `InvalidEvent` when it is none."""
    try:
        return content_reader()(data)
    except Exception:  # rarer forms, and whatever is wrong
        return _content_from(unframe(data, "content"))


def encode_evidence(evidence: Evidence) -> bytes:
    """What is sealed for storage."""
    findings = [_Found(LABELS[f.label], f.score, f.spans, f.detector, f.clue) for f in evidence.findings]
    content = evidence.content
    written: bytes = _content_writer("evidence")(content.messages, content.attributes, findings)
    return written


def decode_evidence(data: bytes) -> Evidence:
    """The inverse; `DecodeError` or `InvalidEvent` when it is none."""
    raw = unframe(data, "evidence")
    try:
        findings = tuple(
            Finding(
                label=INDEX[finding["label"]],
                score=finding["score"],
                spans=tuple(Span(s["message"], s["start"], s["end"]) for s in finding["spans"]),
                detector=finding["detector"],
                clue=finding["clue"],
            )
            for finding in raw["findings"]
        )
    except KeyError:
        raise InvalidEvent(Code.INVALID_VALUE) from None
    return Evidence(_content_from(raw), findings)


def decode_event(value: bytes, digester: Digester) -> tuple[Metadata, Content]:
    """An event in the clear from Avro."""
    raw = unframe(value, "event")
    return metadata_from(raw, digester), _content_from(raw)


def decode_sealed_event(value: bytes, digester: Digester) -> tuple[Metadata, TransitSealed]:
    """An event whose content is sealed. Ids are left as they came: they are bound to the seal."""
    raw = unframe(value, "sealed_event")
    if not is_id(raw["key"]):
        raise InvalidEvent(Code.INVALID_VALUE)
    sealed = TransitSealed(raw["key"], raw["wrapped"], raw["nonce"], raw["ciphertext"])
    return metadata_from(raw, digester), sealed


def decode_json_event(value: bytes, digester: Digester) -> tuple[Metadata, Content]:
    """An event in the clear from JSON (UTF-8). Raises `DecodeError` or `InvalidEvent`; unknown fields are ignored."""
    try:
        raw = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _not_json(value, error.pos) from None
    except Exception:
        raise DecodeError(Code.INVALID_JSON) from None
    if not isinstance(raw, dict):
        raise DecodeError(Code.INVALID_JSON, 0)
    _check_types(raw)
    for required in ("event_id", "account"):
        if not raw.get(required):
            raise InvalidEvent(Code.MISSING_FIELD)
    content = _content_from({"messages": _json_messages(raw), "attributes": raw.get("attributes") or {}})
    if raw.get("kind") is None:
        raw["kind"] = _kind_of(content)
    raw["digested"] = 0
    return metadata_from(raw, digester), content


def _not_json(value: bytes, position: int) -> DecodeError:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        return DecodeError(Code.INVALID_UTF8, error.start)
    return DecodeError(Code.INVALID_JSON, position)


_STRINGS = (
    "event_id",
    "account",
    "kind",
    "application",
    "end_user",
    "conversation",
    "model",
    "trace_id",
    "producer",
    "storage",
    "region",
    "prompt",
    "completion",
)


def _check_types(raw: dict[str, Any]) -> None:
    for name in _STRINGS:
        _expect(raw.get(name), str)
    for name in ("occurred_at", "turn", "sequence"):
        _expect(raw.get(name), int)
        if raw.get(name) is not None:  # it is only reported, so one beyond 64 bits is brought to the bound
            raw[name] = max(-_LONG, min(raw[name], _LONG - 1))
    declared = raw.get("declared")
    _expect(declared, dict)
    if declared:
        for name in ("uses", "disclosures"):
            _expect(declared.get(name), list)
            for item in declared.get(name) or ():
                _expect(item, str, required=True)
        _expect(declared.get("audience"), str)
        _expect(declared.get("simulated_person"), str)
        if not isinstance(declared.get("reviewed"), bool | None):
            raise InvalidEvent(Code.WRONG_TYPE)
    _expect(raw.get("attributes"), dict)
    for item in (raw.get("attributes") or {}).values():
        _expect(item, str, required=True)


def _expect(value: Any, kind: type, required: bool = False) -> None:
    if value is None and not required:
        return
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidEvent(Code.WRONG_TYPE)


def _json_messages(raw: dict[str, Any]) -> list[dict[str, str]]:
    """`messages` as [{role, content}], or the short forms `prompt` and `completion`; both together are refused."""
    messages = raw.get("messages")
    short = [
        {"role": role.value, "text": raw[name]}
        for name, role in (("prompt", Role.USER), ("completion", Role.ASSISTANT))
        if raw.get(name) is not None
    ]
    if messages is None:
        return short
    if short:
        raise InvalidEvent(Code.INVALID_VALUE)
    _expect(messages, list)
    found = []
    for message in messages:
        _expect(message, dict, required=True)
        role, text = message.get("role", "user"), message.get("content", message.get("text"))
        _expect(role, str, required=True)
        if text is None:
            raise InvalidEvent(Code.MISSING_FIELD)
        _expect(text, str)
        if role not in _ROLES:
            raise InvalidEvent(Code.INVALID_VALUE)
        found.append({"role": role, "text": text})
    return found


def _kind_of(content: Content) -> str:
    asked = any(message.role is not Role.ASSISTANT for message in content.messages)
    answered = any(message.role is Role.ASSISTANT for message in content.messages)
    return "exchange" if asked and answered else "completion" if answered else "prompt"


def _content_to(content: Content) -> dict[str, Any]:
    return {"messages": content.messages, "attributes": content.attributes}


def _content_from(raw: dict[str, Any]) -> Content:
    messages = tuple([Message(_ROLES[message["role"]], message["text"]) for message in raw["messages"]])
    if len(messages) > MANY_MESSAGES:
        raise InvalidEvent(Code.INVALID_VALUE)
    if not any(message.text for message in messages):
        raise InvalidEvent(Code.NO_CONTENT)
    return Content(messages, raw["attributes"])
