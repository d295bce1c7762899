"""Associated data: what a seal is bound to, so that a ciphertext cannot be moved.

Every part is written with its length before it, so no two lists of parts give the same bytes.
"""

from __future__ import annotations

from streams.codec.schemas import newest
from streams.model import Metadata, Source

__all__ = ["storage_aad", "transit_aad"]


def _parts(label: bytes, *parts: str | int | bytes | None) -> bytes:
    out = bytearray(label)
    for part in parts:
        if part is None:
            out += b"\xff\xff\xff\xff"
            continue
        raw = part if isinstance(part, bytes) else str(part).encode()
        out += len(raw).to_bytes(4, "big") + raw
    return bytes(out)


def transit_aad(meta: Metadata, key_id: str) -> bytes:
    """What an event's content is bound to on its way: its ids, account, kind, region, mode, content schema, key."""
    return _parts(
        b"compliance-streams transit 1\0",
        meta.account,
        meta.event_id,
        meta.kind.value,
        meta.application,
        meta.conversation,
        meta.end_user,
        meta.producer,
        meta.sequence,
        meta.region,
        None if meta.storage is None else meta.storage.value,
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
