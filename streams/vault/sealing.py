"""Sealing for storage: a key derived from two halves, one wrapped to the account's key and one to the day's.

    content key = HKDF-SHA-256(account half || day half, info = label, both key ids)          (RFC 5869)

Each content costs one AES-256-GCM. A writer uses one pair of halves for one account and day for at most five minutes or
2^20 contents, then makes new ones; what was derived is never stored. A writer holds no private key of either kind, so
what writes the archive cannot read it. Content keys that are over leave the memory with the next batch, or `expire`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.codec.aad import storage_aad
from streams.codec.events import encode_evidence
from streams.errors import Code
from streams.model import Accounts, Disposition, Evidence, Outcome, PublicKey, Sealed
from streams.vault.hpke import KEY_BYTES, SealBroken, wrap
from streams.vault.keyring import PublicKeys

__all__ = ["PURPOSE", "StorageSealer", "content_key", "half_info"]

PURPOSE = "abuse-monitoring"
NONCE_BYTES = 12
KEY_USES = 1 << 20
_LABEL = b"compliance-streams stored content key 1\0"


def half_info(kind: str, key_id: str) -> bytes:
    """What a wrapped half is bound to: which half it is, and the key it is wrapped to."""
    return b"compliance-streams " + kind.encode() + b" half 1\0" + key_id.encode()


def content_key(account_half: bytes, day_half: bytes, account_key: str, day_key: str) -> bytes:
    """The content key of two halves. Either half alone tells nothing of it."""
    info = _LABEL + account_key.encode() + b"\0" + day_key.encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(account_half + day_half)


class _Writing(NamedTuple):
    account_half: bytes  # wrapped
    day_half: bytes  # wrapped
    cipher: AESGCM
    since_ms: int
    until_ms: int
    uses: Iterator[int]


class StorageSealer:
    """Seals what is to be kept, for one thread. Holds `capacity` pairs of halves; `wraps` counts wrapped ones."""

    def __init__(self, region: str, lifetime_s: int = 300, capacity: int = 50_000) -> None:
        self._region = region
        self._life_ms = lifetime_s * 1000
        self._capacity = capacity
        self._writing: OrderedDict[tuple[str, str], _Writing] = OrderedDict()
        self.wraps = 0

    def __repr__(self) -> str:
        return f"<StorageSealer {self._region}, {len(self._writing)} keys, {self.wraps} wraps>"

    def seal(
        self, outcomes: Sequence[Outcome[Evidence]], accounts: Accounts, keys: PublicKeys, now_ms: int
    ) -> list[Outcome[Sealed]]:
        """Each outcome with its evidence sealed, in order.

        Nothing is kept where the day's key has ended or is not known (DAY_KEY_ENDED), or where the account has no key
        that can be sealed to (KEY_UNKNOWN): the outcome becomes `refused`, and its signal and decision stay, so that
        violations still go out.
        """
        self.expire(now_ms)
        days: dict[int, PublicKey | None] = {}
        nonces = _nonces(sum(outcome.keep is not None for outcome in outcomes))
        sealed: list[Outcome[Sealed]] = []
        for outcome in outcomes:
            if outcome.keep is None:
                sealed.append(cast(Outcome[Sealed], outcome))  # nothing is kept: there is no evidence in it
                continue
            hour = min(outcome.source.ingested_at, now_ms) // 3_600_000
            if hour not in days:
                days[hour] = keys.day(outcome.source.ingested_at, now_ms)
            sealed.append(self._one(outcome, outcome.keep, accounts, days[hour], now_ms, next(nonces)))
        return sealed

    def expire(self, now_ms: int) -> None:
        """Forget the content keys whose time is over; an idle writer has to ask for it."""
        while self._writing and next(iter(self._writing.values())).until_ms <= now_ms:
            self._writing.popitem(last=False)

    def _one(
        self,
        outcome: Outcome[Evidence],
        evidence: Evidence,
        accounts: Accounts,
        day: PublicKey | None,
        now_ms: int,
        nonce: bytes,
    ) -> Outcome[Sealed]:
        signal = outcome.signal
        account = accounts.find(signal.meta.account) if signal is not None else None
        if day is None:
            return _refused(outcome, Code.DAY_KEY_ENDED)
        if signal is None or account is None or account.public_key is None or account.key_id is None:
            return _refused(outcome, Code.KEY_UNKNOWN)
        try:
            writing = self._current(account.key_id, account.public_key, day, now_ms)
        except SealBroken:
            return _refused(outcome, Code.KEY_UNKNOWN)
        aad = storage_aad(outcome.source, signal.meta, self._region, PURPOSE, account.key_id, day.key_id)
        ciphertext = writing.cipher.encrypt(nonce, encode_evidence(evidence), aad)
        kept = Sealed(account.key_id, day.key_id, writing.account_half, writing.day_half, nonce, ciphertext)
        return Outcome(outcome.source, outcome.disposition, signal, outcome.decision, kept, outcome.code)

    def _current(self, key_id: str, public: bytes, day: PublicKey, now_ms: int) -> _Writing:
        place = (key_id, day.key_id)
        writing = self._writing.get(place)
        # A clock that was set back makes a new key, else one would serve for longer than it may.
        if writing is not None and writing.since_ms <= now_ms < writing.until_ms and next(writing.uses) < KEY_USES:
            return writing
        account_half, day_half = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
        writing = _Writing(
            account_half=wrap(account_half, public, half_info("account", key_id)),
            day_half=wrap(day_half, day.public, half_info("day", day.key_id)),
            cipher=AESGCM(content_key(account_half, day_half, key_id, day.key_id)),
            since_ms=now_ms,
            until_ms=min(now_ms + self._life_ms, day.end),
            uses=count(1),
        )
        self.wraps += 2
        self._writing[place] = writing
        self._writing.move_to_end(place)
        if len(self._writing) > self._capacity:
            self._writing.popitem(last=False)
        return writing


def _nonces(number: int) -> Iterator[bytes]:
    """So many random nonces, asked of the system at once."""
    drawn = os.urandom(NONCE_BYTES * number)
    return (drawn[place : place + NONCE_BYTES] for place in range(0, len(drawn), NONCE_BYTES))


def _refused(outcome: Outcome[Evidence], code: Code) -> Outcome[Sealed]:
    return Outcome(
        source=outcome.source,
        disposition=Disposition.REFUSED,
        signal=outcome.signal,
        decision=outcome.decision,
        code=code,
    )
