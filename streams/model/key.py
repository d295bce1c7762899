"""Public halves of keys, as they stand on the `keys` topic."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["KeyKind", "PublicKey", "TransitClass"]


class KeyKind(StrEnum):
    """What a key is for."""

    TRANSIT = "transit"
    DAY = "day"


class TransitClass(StrEnum):
    """Which accounts a transit key is for; the classes live for different times."""

    STANDARD = "standard"
    NO_STORAGE = "no_storage"


class PublicKey(msgspec.Struct, frozen=True, gc=False):
    """A public key. Times in ms.

    Writers use it from `seal_from` until `seal_until`; its private half is gone at `end`. `day` (YYYY-MM-DD, UTC) is
    set for day keys, `transit_class` for transit keys. `ended` is true once the vault has destroyed the private half.
    """

    key_id: str
    kind: KeyKind
    public: bytes  # X25519, 32 bytes
    seal_from: int
    seal_until: int
    end: int
    transit_class: TransitClass | None = None
    day: str | None = None
    ended: bool = False
