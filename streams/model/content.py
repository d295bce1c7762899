"""Content: the text of an event and its free attributes. Everything else in an event is metadata."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

import msgspec

__all__ = ["Content", "Evidence", "Finding", "Message", "Role", "Sealed", "Span", "TransitSealed"]


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message:
    """One utterance. Its repr shows a length only."""

    __slots__ = ("role", "text")

    def __init__(self, role: Role, text: str) -> None:
        self.role = role
        self.text = text

    def __repr__(self) -> str:
        return f"<Message {self.role.value} {len(self.text)} characters>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.role, self.text) == (other.role, other.text)

    def __hash__(self) -> int:
        return hash((self.role, self.text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("content is not serialised by accident: seal it")


class Content:
    """Messages and attributes of one event.

    Its repr shows a length, and it refuses pickling; only `detect`, `vault`, `codec` and `client` take the text out.
    """

    __slots__ = ("attributes", "messages")

    def __init__(self, messages: tuple[Message, ...], attributes: dict[str, str] | None = None) -> None:
        self.messages = messages
        self.attributes = attributes or {}

    def __len__(self) -> int:
        return sum(len(m.text) for m in self.messages)

    def __repr__(self) -> str:
        return f"<Content {len(self.messages)} messages, {len(self)} characters>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self.messages == other.messages and self.attributes == other.attributes

    def __hash__(self) -> int:
        return hash(self.messages)

    def __reduce__(self) -> NoReturn:
        raise TypeError("content is not serialised by accident: seal it")


class Span(msgspec.Struct, frozen=True, gc=False):
    """A place in the original text: message index, first character, character behind the last."""

    message: int
    start: int
    end: int


class Finding(msgspec.Struct, frozen=True):
    """What a detector found: a label's index, a score of 1–100, and where. Kept only inside the seal."""

    label: int
    score: int
    spans: tuple[Span, ...]
    detector: str  # "name/version"
    clue: str  # the id of the pattern, clue or model that fired


class Evidence:
    """What is kept of an account that may be stored: content and findings. Its repr shows sizes only."""

    __slots__ = ("content", "findings")

    def __init__(self, content: Content, findings: tuple[Finding, ...]) -> None:
        self.content = content
        self.findings = findings

    def __repr__(self) -> str:
        return f"<Evidence {self.content!r}, {len(self.findings)} findings>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and (self.content, self.findings) == (other.content, other.findings)

    def __hash__(self) -> int:
        return hash((self.content, self.findings))

    def __reduce__(self) -> NoReturn:
        raise TypeError("evidence is not serialised by accident: seal it")


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """Evidence under a key derived from two halves: one wrapped to the account's key, one to the day's."""

    account_key: str
    day_key: str
    account_half: bytes
    day_half: bytes
    nonce: bytes
    ciphertext: bytes


class TransitSealed(msgspec.Struct, frozen=True, gc=False):
    """Content on its way from SDK to worker, under a content key wrapped to a transit key."""

    key: str
    wrapped: bytes
    nonce: bytes
    ciphertext: bytes
