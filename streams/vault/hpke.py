"""Wrapping to a public key by HPKE (RFC 9180): X25519, HKDF-SHA-256, AES-256-GCM, single shot.

About 0.13 ms to wrap and 0.09 ms to unwrap: once for a content key, never once for a record.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

__all__ = ["KEY_BYTES", "SealBroken", "new_pair", "public_of", "unwrap", "wrap"]

KEY_BYTES = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBroken(Exception):
    """What was wrapped or sealed does not verify. Inside this package only: callers get a `Code`."""


def new_pair() -> tuple[bytes, bytes]:
    """A new private and public key, 32 bytes each."""
    private = X25519PrivateKey.generate()
    raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return raw, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_of(private: bytes) -> bytes:
    """The public half of a private key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def wrap(secret: bytes, public: bytes, info: bytes) -> bytes:
    """Encapsulated key (32 bytes) and ciphertext; `info` is bound and must be given again to unwrap.

    `SealBroken` when `public` cannot be wrapped to: not 32 bytes, or a point that gives everybody the same secret.
    """
    try:
        return bytes(_SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(public), info))
    except ValueError:
        raise SealBroken from None


def unwrap(wrapped: bytes, private: bytes, info: bytes) -> bytes:
    """The secret, or `SealBroken`."""
    try:
        return bytes(_SUITE.decrypt(wrapped, X25519PrivateKey.from_private_bytes(private), info))
    except (InvalidTag, ValueError):
        raise SealBroken from None
