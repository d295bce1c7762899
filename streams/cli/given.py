"""Events that people give to commands as JSON: whole ones, or `{"text": …}`."""

from __future__ import annotations

import json
from typing import Any

from streams.codec.events import decode_json_event
from streams.codec.identity import Digester
from streams.errors import Code, DecodeError
from streams.model import Event, Kind, Source

__all__ = ["LARGEST", "event_of"]

LARGEST = 16 * 1024 * 1024
_SIDES = {Kind.PROMPT: "prompt", Kind.COMPLETION: "completion"}


def event_of(raw: Any, source: Source, name: str, kind: Kind = Kind.PROMPT) -> Event:
    """An event from parsed JSON; `name` stands for an id or account that is not given, `kind` is that of a bare text.

    Raises `RecordError` with the code that a worker would give.
    """
    if not isinstance(raw, dict):
        raise DecodeError(Code.WRONG_TYPE, 0)
    fields = {key: value for key, value in raw.items() if key not in ("id", "text")}
    if "text" in raw:
        fields[_SIDES[kind]] = raw["text"]
    fields.setdefault("event_id", name)
    fields.setdefault("account", name)
    return Event(source, *decode_json_event(json.dumps(fields).encode(), Digester(name.encode())))
