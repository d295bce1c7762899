"""What an application says, checked and turned into metadata and content. Runs inside the model call: no I/O."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from sys import getsizeof
from time import time
from typing import Any, NamedTuple, TypedDict, TypeVar

from streams.errors import Code, InvalidEvent
from streams.model import (
    NOTHING_DECLARED,
    Audience,
    Content,
    Declared,
    Kind,
    Message,
    Metadata,
    Role,
    StorageMode,
)

__all__ = ["CONVERSATION", "END_USER", "Defaults", "Draft", "EventFields", "FieldError", "draft"]

END_USER = "streams:end_user"
CONVERSATION = "streams:conversation"
RESERVED = "streams:"
OVERHEAD = 2_048  # bytes of a draft's own objects, ids and queue entries, about
LARGEST_INT = 2**63 - 1
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch
E = TypeVar("E", Kind, Role, StorageMode, Audience)


class EventFields(TypedDict, total=False):
    """The keywords of `record()`. Only `account` and some text (`prompt`, `completion` or `messages`) are needed."""

    account: str
    prompt: str
    completion: str
    messages: Sequence[Mapping[str, str] | tuple[str, str]]
    kind: Kind | str
    conversation: str
    turn: int
    end_user: str
    application: str
    model: str
    declared: Declared | Mapping[str, Any]
    attributes: Mapping[str, str]
    storage: StorageMode | str
    region: str
    event_id: str
    trace_id: str
    occurred_at: int | float | datetime


KNOWN = frozenset(EventFields.__annotations__)


class Defaults(NamedTuple):
    """What holds for every event of a client that does not say otherwise."""

    producer: str
    application: str | None = None
    region: str | None = None


class FieldError(Exception):
    """A field that breaks the contract. Holds the field's name and a code, never the value."""

    def __init__(self, field: str, code: Code) -> None:
        super().__init__(f"{field}: {code.value}")
        self.field = field
        self.error = InvalidEvent(code)


class Draft:
    """One event between `record()` and the broker's acknowledgement. Its repr shows no content."""

    __slots__ = ("bucket_by", "content", "meta", "moved", "place", "recorded_at", "size", "text_bytes")

    def __init__(self, meta: Metadata, content: Content, bucket_by: str | None, moved: int) -> None:
        self.meta = meta
        self.content = content
        self.bucket_by = bucket_by  # the conversation as said, which keeps its order; it is never sent as it is
        self.moved = moved
        self.recorded_at = 0.0
        self.place = 0  # in the order of the buffer
        held, sealed = _sizes(content)
        self.text_bytes = sealed
        self.size = OVERHEAD + held + sealed  # the text, and its sealed copy while it is on its way

    def __repr__(self) -> str:
        return f"<Draft sequence {self.meta.sequence}, {self.size} bytes>"


def _sizes(content: Content) -> tuple[int, int]:
    """Bytes that Python holds for the texts, and their bytes in UTF-8."""
    texts = [message.text for message in content.messages]
    if content.attributes:
        texts += [*content.attributes, *content.attributes.values()]
    held = sum(map(getsizeof, texts))
    return held, sum(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts)


def draft(fields: Mapping[str, Any], defaults: Defaults, sequence: int) -> Draft:
    """Check one call's keywords. Raises `FieldError` for the first that breaks the contract."""
    if fields.keys() - KNOWN:
        raise FieldError("a keyword that record() does not know", Code.INVALID_VALUE)
    messages = _messages(fields)
    attributes = _attributes(fields.get("attributes"))
    conversation = _text(fields, "conversation")
    moved = _Moved(attributes)
    meta = Metadata(
        event_id=_id(fields, "event_id") or secrets.token_hex(16),
        account=_id(fields, "account") or _missing("account"),
        kind=_kind(fields.get("kind"), messages),
        occurred_at=_when(fields.get("occurred_at")),
        application=_id(fields, "application") or defaults.application,
        end_user=moved.take("end_user", _text(fields, "end_user")),
        conversation=moved.take("conversation", conversation),
        turn=_count(fields, "turn"),
        model=moved.take("model", _text(fields, "model")),
        declared=_declared(fields.get("declared")),
        trace_id=moved.take("trace_id", _text(fields, "trace_id")),
        producer=defaults.producer,
        sequence=sequence,
        storage=_optional(StorageMode, fields, "storage"),
        region=_id(fields, "region") or defaults.region,
    )
    return Draft(meta, Content(messages, attributes), conversation, moved.count)


class _Moved:
    """Strings that are no ids go into the content, which is sealed; the clear part of an event holds ids only."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self._attributes = attributes
        self.count = 0

    def take(self, name: str, value: str | None) -> str | None:
        if value is None or _ID(value):
            return value
        self._attributes[RESERVED + name] = value
        self.count += 1
        return None


def _missing(field: str) -> str:
    raise FieldError(field, Code.MISSING_FIELD)


def _plain(value: object, field: str) -> str:
    """An exact `str`: a subclass could do anything when it is used later."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__getitem__(value, slice(None))
    raise FieldError(field, Code.WRONG_TYPE)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    return _plain(value, name) or None


def _id(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    text = _plain(value, name)
    if not _ID(text):
        raise FieldError(name, Code.INVALID_VALUE)
    return text


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise FieldError(name, Code.WRONG_TYPE)
    if not 0 <= value <= 2**31 - 1:
        raise FieldError(name, Code.INVALID_VALUE)
    return value


def _member(enum: type[E], value: object, field: str) -> E:
    text = _plain(value, field)
    try:
        return enum(text)
    except ValueError:
        raise FieldError(field, Code.INVALID_VALUE) from None


def _optional(enum: type[E], fields: Mapping[str, Any], name: str) -> E | None:
    value = fields.get(name)
    return None if value is None else _member(enum, value, name)


def _messages(fields: Mapping[str, Any]) -> tuple[Message, ...]:
    said: list[Message] = []
    history = fields.get("messages")
    if history is not None:
        if not isinstance(history, list | tuple):
            raise FieldError("messages", Code.WRONG_TYPE)
        said += [_message(item) for item in history]
    for name, role in (("prompt", Role.USER), ("completion", Role.ASSISTANT)):
        value = fields.get(name)
        if value is not None:
            said.append(Message(role, _plain(value, name)))
    if not any(message.text for message in said):
        raise FieldError("prompt", Code.NO_CONTENT)
    return tuple(said)


def _message(item: object) -> Message:
    if isinstance(item, dict):
        if item.keys() != {"role", "content"}:
            raise FieldError("messages", Code.MISSING_FIELD)
        role, text = item["role"], item["content"]
    elif isinstance(item, tuple) and len(item) == 2:
        role, text = item
    elif type(item) is Message:
        role, text = item.role, item.text
    else:
        raise FieldError("messages", Code.WRONG_TYPE)
    return Message(_member(Role, role, "messages.role"), _plain(text, "messages.content"))


def _kind(value: object, messages: tuple[Message, ...]) -> Kind:
    if value is not None:
        return _member(Kind, value, "kind")
    if messages[-1].role is not Role.ASSISTANT:
        return Kind.PROMPT
    asked = any(message.role is Role.USER for message in messages)
    return Kind.EXCHANGE if asked else Kind.COMPLETION


def _when(value: object) -> int:
    """Milliseconds: now, or as said by a datetime or a number of ms."""
    if value is None:
        return int(time() * 1000)
    if isinstance(value, datetime):
        moment = value.timestamp() * 1000
    elif type(value) in (int, float):
        moment = value  # type: ignore[assignment]  # narrowed by its exact type
    else:
        raise FieldError("occurred_at", Code.WRONG_TYPE)
    if not 0 <= moment <= LARGEST_INT // 2:  # false for "not a number", too
        raise FieldError("occurred_at", Code.INVALID_VALUE)
    return int(moment)


def _attributes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError("attributes", Code.WRONG_TYPE)
    taken = {_plain(key, "attributes"): _plain(text, "attributes") for key, text in dict.items(value)}
    if any(key.startswith(RESERVED) for key in taken):
        raise FieldError("attributes", Code.INVALID_VALUE)
    return taken


def _declared(value: object) -> Declared:
    if value is None:
        return NOTHING_DECLARED
    if type(value) is Declared:
        value = {name: getattr(value, name) for name in Declared.__struct_fields__}
    if not isinstance(value, dict):
        raise FieldError("declared", Code.WRONG_TYPE)
    if value.keys() - set(Declared.__struct_fields__):
        raise FieldError("declared", Code.INVALID_VALUE)
    reviewed = value.get("reviewed")
    if reviewed is not None and type(reviewed) is not bool:
        raise FieldError("declared.reviewed", Code.WRONG_TYPE)
    audience = value.get("audience")
    return Declared(
        uses=_ids(value.get("uses"), "declared.uses"),
        audience=None if audience is None else _member(Audience, audience, "declared.audience"),
        disclosures=_ids(value.get("disclosures"), "declared.disclosures"),
        reviewed=reviewed,
        simulated_person=_id(value, "simulated_person"),
    )


def _ids(value: object, field: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise FieldError(field, Code.WRONG_TYPE)
    ids = tuple(_plain(item, field) for item in value)
    if not all(_ID(item) for item in ids):
        raise FieldError(field, Code.INVALID_VALUE)
    return ids
