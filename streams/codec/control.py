"""Accounts, public keys and skips: what workers follow."""

from __future__ import annotations

from msgspec.structs import asdict

from streams.codec.framing import frame, unframe
from streams.errors import Code, InvalidEvent
from streams.model import Account, AccountState, KeyKind, PublicKey, Skip, StorageMode, TransitClass

__all__ = ["decode_account", "decode_key", "decode_skip", "encode_account", "encode_key", "encode_skip"]

KEY_BYTES = 32


def encode_account(account: Account) -> bytes:
    """An account, for `accounts`."""
    return frame("account", {**asdict(account), "application_modes": dict(account.application_modes)})


def decode_account(value: bytes) -> Account:
    """The inverse. A public key that is not 32 bytes long is `INVALID_VALUE`."""
    raw = unframe(value, "account")
    public = raw["public_key"]
    if public is not None and len(public) != KEY_BYTES:
        raise InvalidEvent(Code.INVALID_VALUE)
    return Account(
        **{
            **raw,
            "state": AccountState(raw["state"]),
            "mode": StorageMode(raw["mode"]),
            "application_modes": tuple(
                sorted((name, StorageMode(mode)) for name, mode in raw["application_modes"].items())
            ),
            "uses": tuple(raw["uses"]),
            "disclosures": tuple(raw["disclosures"]),
        }
    )


def encode_key(key: PublicKey) -> bytes:
    """A public key, for `keys`."""
    return frame("key", asdict(key))


def decode_key(value: bytes) -> PublicKey:
    """The inverse. A key that is not 32 bytes long, or lacks its class or day, is `INVALID_VALUE`."""
    raw = unframe(value, "key")
    kind, named = KeyKind(raw["kind"]), raw["transit_class"]
    lacking = (named is None) if kind is KeyKind.TRANSIT else (raw["day"] is None)
    if lacking or len(raw["public"]) != KEY_BYTES:
        raise InvalidEvent(Code.INVALID_VALUE)
    return PublicKey(**{**raw, "kind": kind, "transit_class": None if named is None else TransitClass(named)})


def encode_skip(skip: Skip) -> bytes:
    """A skip, for `skips`."""
    return frame(
        "skip",
        {
            "cell": skip.cell,
            "topic": skip.topic,
            "partition": skip.partition,
            "offset": skip.offset,
            "reason": skip.reason,
            "by": skip.by,
            "at": skip.at,
        },
    )


def decode_skip(value: bytes) -> Skip:
    """The inverse."""
    return Skip(**unframe(value, "skip"))
