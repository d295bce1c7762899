"""Associated data: what a seal is bound to, so that a ciphertext cannot be moved.

Every part is written with its length before it, so no two lists of parts give the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

from streams.codec.schemas import newest
from streams.model import Metadata, Source

__all__ = ["storage_aad", "transit_aad"]


_TRANSIT = b"compliance-streams transit 1\0"
_STORAGE = b"compliance-streams storage 1\0"
_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(256))
_MISSING = b"\xff\xff\xff\xff"
_Part = str | int | bytes | None


def _parts(*parts: _Part) -> bytes:
    out: list[bytes] = []
    for part in parts:
        if part is None:
            out.append(_MISSING)
            continue
        raw = part if isinstance(part, bytes) else str(part).encode()
        length = len(raw)
        out += (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4, "big"), raw)
    return b"".join(out)


# What many events in a row have in common: no part of these is of one event alone.
_shared = lru_cache(maxsize=1_024)(_parts)


def transit_aad(meta: Metadata, key_id: str) -> bytes:
    """What an event's content is bound to on its way: its ids, account, kind, region, mode, content schema, key."""
    own = _parts(
        meta.account,
        meta.event_id,
        meta.kind,
        meta.application,
        meta.conversation,
        meta.end_user,
        meta.producer,
        meta.sequence,
    )
    return _TRANSIT + own + _shared(meta.region, meta.storage, newest("content").fingerprint, key_id)


def storage_aad(source: Source, meta: Metadata, region: str, purpose: str, account_key: str, day_key: str) -> bytes:
    """What evidence is bound to where it is kept: source, event, account, region, purpose, schema, both keys."""
    return (
        _STORAGE
        + _shared(source.cell, source.topic, source.partition)
        + _parts(source.offset, source.ingested_at, meta.event_id)
        + _shared(meta.account, region, purpose, newest("evidence").fingerprint, account_key, day_key)
    )
