"""Associated data: what a seal is bound to, so that a ciphertext cannot be moved.

Every part is written with its length before it, so no two lists of parts give the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

from streams.codec.schemas import newest
from streams.model import Metadata, Source
from streams.model.remembered import Remembered

__all__ = ["storage_aad", "transit_aad"]


_TRANSIT = b"compliance-streams transit 1\0"
_STORAGE = b"compliance-streams storage 1\0"
_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(256))
_MISSING = b"\xff\xff\xff\xff"
_Part = str | int | bytes | None


def _part(part: _Part) -> bytes:
    if part is None:
        return _MISSING
    raw = part if isinstance(part, bytes) else str(part).encode()
    length = len(raw)
    return (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4, "big")) + raw


# Parts that many events share: accounts, applications, kinds.
_known: Remembered[str | None, bytes] = Remembered(_part)


@lru_cache(maxsize=1_024)
def _shared(*parts: _Part) -> bytes:
    """What many events in a row have in common: no part of these is of one event alone."""
    return b"".join(map(_part, parts))


def transit_aad(meta: Metadata, key_id: str) -> bytes:
    """What an event's content is bound to on its way: its ids, account, kind, region, mode, content schema, key."""
    return b"".join(
        (
            _TRANSIT,
            _known[meta.account],
            _part(meta.event_id),
            _known[meta.kind],
            _known[meta.application],
            _known[meta.conversation],
            _known[meta.end_user],
            _known[meta.producer],
            _part(meta.sequence),
            _shared(meta.region, meta.storage, newest("content").fingerprint, key_id),
        )
    )


def storage_aad(source: Source, meta: Metadata, region: str, purpose: str, account_key: str, day_key: str) -> bytes:
    """What evidence is bound to where it is kept: source, event, account, region, purpose, schema, both keys."""
    return b"".join(
        (
            _STORAGE,
            _shared(source.cell, source.topic, source.partition),
            _part(source.offset),
            _part(source.ingested_at),
            _part(meta.event_id),
            _shared(meta.account, region, purpose, newest("evidence").fingerprint, account_key, day_key),
        )
    )
