"""Readers of the hot path: bytes straight to the model, with no dictionary in between.

They take what is right and common: ids that are ids, values that are known, the newest schema. At anything else they
raise, and the caller goes the slower way (`events`), which takes the rest or says what is wrong. Both give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from streams.codec.framing import HEADER
from streams.codec.generated import Reading
from streams.codec.identity import is_id
from streams.codec.metadata import MANY, SIMULATED
from streams.codec.schemas import newest
from streams.errors import SchemaError
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
    TransitSealed,
)
from streams.model.remembered import Remembered

__all__ = ["MANY_MESSAGES", "content_reader", "sealed_event_reader"]

_Made = TypeVar("_Made", bound=Reading)
MANY_MESSAGES = 4_096
_ENUMS: dict[str, Any] = {"Audience": Audience, "Kind": Kind, "StorageMode": StorageMode, "Role": Role}
_UNIQUE = "event_id"  # not worth remembering
# A declared use as most are: two empty arrays and three nulls.
_UNDECLARED = bytes(5)


def _id_of(raw: bytes) -> str:
    value = raw.decode("ascii")
    if not is_id(value):
        raise ValueError("not an id")
    return value


@lru_cache(maxsize=1)
def sealed_event_reader() -> Callable[[bytes], tuple[Metadata, TransitSealed]]:
    """Reads a sealed event of the newest schema. Raises any `Exception`."""
    schema = newest("sealed_event")
    fields = schema.parsed["fields"]
    seal = len(TransitSealed.__struct_fields__)
    names = tuple(field["name"] for field in fields)
    if names != (*Metadata.__struct_fields__[: len(names) - seal], *TransitSealed.__struct_fields__):
        raise SchemaError("a sealed event does not have the fields of its model, in their order")
    made = _begun(_Sealed(schema.parsed))
    found = [made.field(field) for field in fields]
    made.line("if i != len(b): raise ValueError('not all was read')")
    made.line(f"return Metadata({', '.join(found[:-seal])}), TransitSealed({', '.join(found[-seal:])})")
    read: Callable[[bytes], tuple[Metadata, TransitSealed]] = made.function(
        "b",
        Metadata=Metadata,
        TransitSealed=TransitSealed,
        K=Remembered(_id_of),  # many events name the same account, application, model: each is checked and made once
        id_of=_id_of,
        N=NOTHING_DECLARED,
        Z=_UNDECLARED,
        H=schema.header,
        S={None, *SIMULATED},
        Declared=Declared,
    )
    return read


@lru_cache(maxsize=1)
def content_reader() -> Callable[[bytes], Content]:
    """Reads a content of the newest schema. Raises any `Exception`."""
    schema = newest("content")
    made = _begun(_Contents(schema.parsed))
    messages, attributes = [made.value(field["type"]) for field in schema.parsed["fields"]]
    made.line(f"if i != len(b) or len({messages}) > {MANY_MESSAGES}: raise ValueError('not all was read, or too much')")
    made.line(f"if not any([one.text for one in {messages}]): raise ValueError('no content')")
    made.line(f"return Content(tuple({messages}), {attributes})")
    read: Callable[[bytes], Content] = made.function("b", Content=Content, Message=Message, H=schema.header)
    return read


def _begun(made: _Made) -> _Made:
    """With the lines that look at the header, and go behind it."""
    made.line(f"if b[:{HEADER}] != H: raise ValueError('another schema')")
    made.line(f"i = {HEADER}")
    return made


class _Members(Reading):
    """Enumerations as members of ours."""

    def value(self, kind: Any) -> str:
        name, told = (None, {}) if isinstance(kind, list) else self.told(kind)
        if name != "enum":
            return super().value(kind)
        held = self.name("v")
        known = _ENUMS[told["name"].rpartition(".")[2]]
        members = {index << 1: known(symbol) for index, symbol in enumerate(told["symbols"])}
        self.line(f"{held} = {self.keep('E', members)}[b[i]]; i += 1")
        return held


class _Contents(_Members):
    """The one kind of record in it is a message."""

    def value(self, kind: Any) -> str:
        if isinstance(kind, list) or self.told(kind)[0] != "record":
            return super().value(kind)
        role, text = [super(_Contents, self).value(field["type"]) for field in self.told(kind)[1]["fields"]]
        return f"Message({role}, {text})"


class _Sealed(_Members):
    """Strings are ids; the one kind of record in it is the declared use, which is the empty one in most events."""

    def field(self, field: dict[str, Any]) -> str:
        """The lines that read one field, and its expression."""
        if field["name"] == _UNIQUE:
            held = self.name("v")
            self.length(held)
            self.line(f"i = n + {held}; {held} = id_of(b[n:i])")
            return held
        return self.value(field["type"])

    def value(self, kind: Any) -> str:
        name, told = (None, {}) if isinstance(kind, list) else self.told(kind)
        if name == "record":
            return self._declared(told)
        if name == "string":
            held = self.name("v")
            self.length(held)
            self.line(f"i = n + {held}; {held} = K[b[n:i]]")
            return held
        return super().value(kind)

    def _declared(self, told: dict[str, Any]) -> str:
        held = self.name("d")
        self.line(f"if b[i:i + {len(_UNDECLARED)}] == Z: {held} = N; i += {len(_UNDECLARED)}")
        with self.block("else:"):
            uses, audience, disclosures, reviewed, simulated = [self.value(field["type"]) for field in told["fields"]]
            self.line(f"if {simulated} not in S: raise ValueError('a value that is not known')")
            self.line(f"if len({uses}) > {MANY} or len({disclosures}) > {MANY}: raise ValueError('too many')")
            self.line(f"{held} = Declared(tuple({uses}), {audience}, tuple({disclosures}), {reviewed}, {simulated})")
        return held
