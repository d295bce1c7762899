"""Events: one prompt, completion or exchange from one account, and where it came in."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.errors import Code
from streams.model.content import Content, TransitSealed

__all__ = [
    "NOTHING_DECLARED",
    "Audience",
    "Declared",
    "Disposition",
    "Event",
    "Kind",
    "Metadata",
    "Rejected",
    "SealedEvent",
    "Source",
    "StorageMode",
]


class Kind(StrEnum):
    """What an event is."""

    PROMPT = "prompt"
    COMPLETION = "completion"
    EXCHANGE = "exchange"
    FILE = "file"


class Audience(StrEnum):
    """Whom an application serves."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class StorageMode(StrEnum):
    """What is written of an account's content. Later members are more protective; the most protective setting wins."""

    STANDARD = "standard"
    NO_STORAGE = "no_storage"
    EDGE = "edge"

    @property
    def rank(self) -> int:
        """0 for the least protective."""
        return _RANK[self]


_RANK = {mode: rank for rank, mode in enumerate(StorageMode)}


class Disposition(StrEnum):
    """How an offset ended: each ends in exactly one."""

    STORED = "stored"
    NOT_STORED = "not_stored"
    DEAD_LETTER = "dead_letter"
    REFUSED = "refused"
    EXPIRED_UNREAD = "expired_unread"
    ABSENT = "absent"
    LOST = "lost"


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where an event came in. `ingested_at` (ms, the broker's append time) is the only clock that decides."""

    cell: str
    topic: str
    partition: int
    offset: int
    ingested_at: int


class Declared(msgspec.Struct, frozen=True, gc=False):
    """What the application declares of its use. `None` is "did not say", never "no"."""

    uses: tuple[str, ...] = ()
    audience: Audience | None = None
    disclosures: tuple[str, ...] = ()
    reviewed: bool | None = None  # a qualified person reviews what is given out
    simulated_person: str | None = None  # none, historical, consented, labelled, unlabelled


NOTHING_DECLARED = Declared()


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """All of an event that is not content. Every string is an enum or an id (`[A-Za-z0-9._:-]{1,128}`).

    `event_id` is the producer's: correlation, never a key of counting. `occurred_at` is reported (ms) and decides
    nothing. `digested` counts the strings that were no ids and were replaced by keyed digests.
    """

    event_id: str
    account: str
    kind: Kind
    occurred_at: int = 0
    application: str | None = None
    end_user: str | None = None
    conversation: str | None = None
    turn: int | None = None
    model: str | None = None
    declared: Declared = NOTHING_DECLARED
    trace_id: str | None = None
    producer: str | None = None
    sequence: int | None = None
    storage: StorageMode | None = None
    region: str | None = None
    digested: int = 0


class Event(msgspec.Struct, frozen=True):
    """One prompt, one completion or one exchange, opened."""

    source: Source
    meta: Metadata
    content: Content


class SealedEvent(msgspec.Struct, frozen=True):
    """An event as it lies on `intake`: decoded, not yet opened."""

    source: Source
    meta: Metadata
    sealed: TransitSealed


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that is no event: where, why, and its size and framing; never its bytes.

    `size` is in bytes. `framing` is `avro`, `json`, `none` or `unknown`; `fingerprint` is 16 hexadecimal digits
    or None; `position` is a byte offset or None.
    """

    source: Source
    code: Code
    disposition: Disposition
    size: int
    framing: str
    fingerprint: str | None = None
    position: int | None = None
