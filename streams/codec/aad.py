"""Associated data: what a seal is bound to, so that a ciphertext cannot be moved.

Every part is written with its length before it, so no two lists of parts give the same bytes.
"""

from __future__ import annotations

from streams.codec.schemas import newest
from streams.model import Metadata, Source

__all__ = ["storage_aad", "transit_aad"]


_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(256))
_MISSING = b"\xff\xff\xff\xff"


def _parts(label: bytes, *parts: str | int | bytes | None) -> bytes:
    out = [label]
    for part in parts:
        if part is None:
            out.append(_MISSING)
            continue
        raw = part if isinstance(part, bytes) else str(part).encode()
        length = len(raw)
        out += (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4, "big"), raw)
    return b"".join(out)


def transit_aad(meta: Metadata, key_id: str) -> bytes:
    """What an event's content is bound to on its way: its ids, account, kind, region, mode, content schema, key."""
    return _parts(
        b"compliance-streams transit 1\0",
        meta.account,
        meta.event_id,
        meta.kind,
        meta.application,
        meta.conversation,
        meta.end_user,
        meta.producer,
        meta.sequence,
        meta.region,
        meta.storage,
        newest("content").fingerprint,
        key_id,
    )


def storage_aad(source: Source, meta: Metadata, region: str, purpose: str, account_key: str, day_key: str) -> bytes:
    """What evidence is bound to where it is kept: source, event, account, region, purpose, schema, both keys."""
    return _parts(
        b"compliance-streams storage 1\0",
        source.cell,
        source.topic,
        source.partition,
        source.offset,
        source.ingested_at,
        meta.event_id,
        meta.account,
        region,
        purpose,
        newest("evidence").fingerprint,
        account_key,
        day_key,
    )
