"""Opening what is stored. Only inside the vault: it takes both private halves, which nothing else ever holds."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.model import Sealed
from streams.vault.hpke import SealBroken, unwrap
from streams.vault.sealing import content_key, half_info

__all__ = ["open_sealed"]


def open_sealed(account_private: bytes, day_private: bytes, sealed: Sealed, aad: bytes) -> bytes:
    """The encoded evidence, or `SealBroken` when a key, the ciphertext or what it is bound to is not the right one."""
    account_half = unwrap(sealed.account_half, account_private, half_info("account", sealed.account_key))
    day_half = unwrap(sealed.day_half, day_private, half_info("day", sealed.day_key))
    secret = content_key(account_half, day_half, sealed.account_key, sealed.day_key)
    try:
        return AESGCM(secret).decrypt(sealed.nonce, sealed.ciphertext, aad)
    except (InvalidTag, ValueError):
        raise SealBroken from None
