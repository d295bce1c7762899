"""Seals on the way from SDK to worker: AES-256-GCM under a content key that is wrapped to a transit key.

A content key serves one (transit key, sealer) for at most five minutes or 2^20 events, so wrapping and unwrapping are
rare. Nonces are 96 random bits: after 2^20 under one key, the chance that two are alike is below 2^-56. They are not
counted, since a process that forks would count the same nonces twice under one key.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.codec.aad import transit_aad
from streams.errors import Code, VaultUnavailable
from streams.model import Metadata, SealedEvent, TransitClass, TransitSealed
from streams.vault.hpke import KEY_BYTES, SealBroken, unwrap, wrap
from streams.vault.keyring import PublicKeys

__all__ = ["TransitOpener", "TransitSealer"]

NONCE_BYTES = 12
KEY_LIFE_MS = 300_000
KEY_USES = 1 << 20
_INFO = b"compliance-streams transit content key 1\0"


class _Sending(NamedTuple):
    key_id: str
    wrapped: bytes
    cipher: AESGCM
    since_ms: int
    until_ms: int
    uses: Iterator[int]


class TransitSealer:
    """Seals content to the transit key in force. One to a thread. `clock` gives ms; `wraps` counts wrappings."""

    def __init__(self, keys: PublicKeys, clock: Callable[[], int]) -> None:
        self._keys = keys
        self._clock = clock
        self._sending: dict[TransitClass, _Sending] = {}
        self.wraps = 0

    def __repr__(self) -> str:
        return f"<TransitSealer {self.wraps} wraps>"

    def seal(self, meta: Metadata, content: bytes, transit_class: TransitClass) -> TransitSealed:
        """Content under a key that only workers can unwrap; `VaultUnavailable` when no key of the class is in force."""
        sending = self._current(transit_class)
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = sending.cipher.encrypt(nonce, content, transit_aad(meta, sending.key_id))
        return TransitSealed(sending.key_id, sending.wrapped, nonce, ciphertext)

    def _current(self, transit_class: TransitClass) -> _Sending:
        now = self._clock()
        sending = self._sending.get(transit_class)
        # A clock that was set back makes a new key, else one would serve for longer than its five minutes.
        timely = sending is not None and sending.since_ms <= now < sending.until_ms
        if sending is not None and timely and self._keys.get(sending.key_id) and next(sending.uses) < KEY_USES:
            return sending
        key = self._keys.transit(transit_class, now)
        if key is None:
            raise VaultUnavailable(
                f"no transit key of class {transit_class.value} is in force: is the janitor running?"
            )
        secret = AESGCM.generate_key(KEY_BYTES * 8)
        try:
            wrapped = wrap(secret, key.public, _INFO + key.key_id.encode())
        except SealBroken:
            raise VaultUnavailable(
                f"transit key {key.key_id} is no key that can be sealed to: who writes to `keys`?"
            ) from None
        until = min(now + KEY_LIFE_MS, key.seal_until, key.end)
        sending = _Sending(key.key_id, wrapped, AESGCM(secret), now, until, count(1))
        self._sending[transit_class] = sending
        self.wraps += 1
        return sending


class _Private(NamedTuple):
    private: bytes | None  # None: ended
    end_ms: int

    def __repr__(self) -> str:
        return f"<_Private {'ended' if self.private is None else '**********'}>"


class TransitOpener:
    """Opens what SDKs sealed. Holds private transit keys until their end, and at most `capacity` content keys.

    That a key has ended is the vault's to say: one whose time is over here is dropped, and asked for again.

    A content key goes with the transit key that it was wrapped to. `unwraps` counts unwrappings. For one thread.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._private: dict[str, _Private] = {}
        self._content: OrderedDict[tuple[str, bytes], AESGCM | None] = OrderedDict()
        self._used: set[str] = set()
        self.unwraps = 0

    def __repr__(self) -> str:
        return f"<TransitOpener {len(self._private)} keys, {len(self._content)} content keys>"

    def missing(self, batch: Sequence[SealedEvent], now_ms: int) -> set[str]:
        """Ids of transit keys that must be asked for before `open`; those whose time is over are dropped first."""
        self.expire(now_ms)
        return {event.sealed.key for event in batch} - self._private.keys()

    def put(self, key_id: str, private: bytes, end_ms: int) -> None:
        """Take a private key; it is dropped at `end_ms`."""
        self._private[key_id] = _Private(private, end_ms)

    def ended(self, key_id: str) -> None:
        """Take note that a key has ended: what was sealed to it can no longer be read by anybody."""
        self._forget(key_id)
        if len(self._private) > self._capacity:
            self._private.clear()
        self._private[key_id] = _Private(None, 0)

    def open(self, batch: Sequence[SealedEvent]) -> list[bytes | Code]:
        """The plain content of each event, or why it cannot be read: KEY_UNKNOWN, KEY_ENDED or SEAL_BROKEN."""
        last: tuple[str, bytes, AESGCM | None] = ("", b"", None)  # events in a row are mostly of one key
        opened: list[bytes | Code] = []
        for event in batch:
            sealed = event.sealed
            key_id, wrapped, cipher = last
            if cipher is None or sealed.wrapped != wrapped or sealed.key != key_id:
                found = self._cipher_of(sealed.key, sealed.wrapped)
                if isinstance(found, Code):
                    opened.append(found)
                    continue
                cipher = found
                last = sealed.key, sealed.wrapped, cipher
            try:
                opened.append(cipher.decrypt(sealed.nonce, sealed.ciphertext, transit_aad(event.meta, sealed.key)))
            except (InvalidTag, ValueError):
                opened.append(Code.SEAL_BROKEN)
        return opened

    def expire(self, now_ms: int) -> None:
        """Drop the private keys whose end has come; `missing` does it too, and an idle worker has to ask for it."""
        for key_id in [key_id for key_id, held in self._private.items() if held.private and held.end_ms <= now_ms]:
            self._forget(key_id)

    def life_left(self, keys: PublicKeys, now_ms: int) -> dict[TransitClass, float]:
        """By class, the least share (0 to 1) of its life that a key had left which served since this was last asked."""
        left: dict[TransitClass, float] = {}
        for key in filter(None, map(keys.get, self._used)):
            if key.transit_class is not None and key.end > key.seal_from:
                share = max(0.0, (key.end - now_ms) / (key.end - key.seal_from))
                left[key.transit_class] = min(share, left.get(key.transit_class, 1.0))
        self._used.clear()
        return left

    def _cipher_of(self, key_id: str, wrapped: bytes) -> AESGCM | Code:
        """What opens contents under a wrapped key, or why nothing does."""
        held = self._private.get(key_id)
        if held is None:
            return Code.KEY_UNKNOWN
        if held.private is None:
            return Code.KEY_ENDED
        cipher = self._cipher(key_id, wrapped, held.private)
        if cipher is None:
            return Code.SEAL_BROKEN
        self._used.add(key_id)
        return cipher

    def _cipher(self, key_id: str, wrapped: bytes, private: bytes) -> AESGCM | None:
        place = (key_id, wrapped)
        if place in self._content:
            self._content.move_to_end(place)
            return self._content[place]
        self.unwraps += 1
        try:
            secret = unwrap(wrapped, private, _INFO + key_id.encode())
            cipher = AESGCM(secret) if len(secret) == KEY_BYTES else None
        except SealBroken:
            cipher = None
        self._content[place] = cipher
        if len(self._content) > self._capacity:
            self._content.popitem(last=False)
        return cipher

    def _forget(self, key_id: str) -> None:
        self._private.pop(key_id, None)
        for place in [place for place in self._content if place[0] == key_id]:
            del self._content[place]
