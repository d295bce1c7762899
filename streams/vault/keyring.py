"""Public keys by purpose: which transit key to send with, which day key to store with."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.model import KeyKind, PublicKey, TransitClass

__all__ = ["PublicKeys", "day_of"]


def day_of(at_ms: int) -> str:
    """The UTC day of a time in ms, YYYY-MM-DD; times outside years 1 to 9999 belong to the nearest day of those.

    >>> day_of(1_700_000_000_000)
    '2023-11-14'
    """
    seconds = min(max(at_ms / 1000, -62_135_596_800.0), 253_402_300_799.0)
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


class PublicKeys:
    """The live public keys: about thirty days and seventy hours of them, since ended keys leave; never over `capacity`.

    Beyond it the key that ends first leaves. Not for several threads at once without a lock around `put`; lookups see
    whole tables only.
    """

    def __init__(self, capacity: int = 4_096) -> None:
        self._capacity = capacity
        self._keys: dict[str, PublicKey] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: PublicKey) -> None:
        """Take what the topic says of a key: a new one, or that one has ended."""
        if key.ended:
            self._keys = {known: other for known, other in self._keys.items() if known != key.key_id}
        else:
            self._keys = {**self._keys, key.key_id: key}
            if len(self._keys) > self._capacity:
                self.drop(min(self._keys.values(), key=lambda other: other.end).key_id)

    def drop(self, key_id: str) -> None:
        """Take a key away, as a tombstone does."""
        self._keys = {known: other for known, other in self._keys.items() if known != key_id}

    def get(self, key_id: str) -> PublicKey | None:
        """A live key by its id."""
        return self._keys.get(key_id)

    def transit(self, transit_class: TransitClass, now_ms: int) -> PublicKey | None:
        """The newest transit key of a class that may be sealed to now."""
        found = [
            key
            for key in self._keys.values()
            if key.kind is KeyKind.TRANSIT
            and key.transit_class is transit_class
            and key.seal_from <= now_ms < min(key.seal_until, key.end)
        ]
        return max(found, key=lambda key: key.seal_from, default=None)

    def day(self, ingested_at: int, now_ms: int) -> PublicKey | None:
        """The key of the day on which a record was ingested; None once it has ended, or before it was made.

        A record that claims to come from the future is sealed to today: its day's key would live too long.
        """
        wanted = day_of(min(ingested_at, now_ms))
        found = [
            key
            for key in self._keys.values()
            if key.kind is KeyKind.DAY and key.day == wanted and now_ms < min(key.seal_until, key.end)
        ]
        return max(found, key=lambda key: key.seal_from, default=None)
