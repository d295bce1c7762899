"""Wrapping to a public key."""

from __future__ import annotations

import pytest

from streams.vault.hpke import SealBroken, new_pair, public_of, unwrap, wrap


def test_what_is_wrapped_is_unwrapped_with_the_private_half() -> None:
    private, public = new_pair()
    assert public_of(private) == public
    wrapped = wrap(b"k" * 32, public, b"info")
    assert b"k" * 8 not in wrapped
    assert unwrap(wrapped, private, b"info") == b"k" * 32


def test_wrapping_twice_gives_two_ciphertexts() -> None:
    _, public = new_pair()
    assert wrap(b"k" * 32, public, b"") != wrap(b"k" * 32, public, b"")


@pytest.mark.parametrize("damage", ["key", "info", "bytes", "short", "empty"])
def test_what_does_not_fit_is_a_broken_seal(damage: str) -> None:
    private, public = new_pair()
    wrapped = wrap(b"k" * 32, public, b"info")
    if damage == "key":
        private, _ = new_pair()
    broken = {"bytes": wrapped[:-1] + bytes([wrapped[-1] ^ 1]), "short": wrapped[:31], "empty": b""}
    with pytest.raises(SealBroken):
        unwrap(broken.get(damage, wrapped), private, b"other" if damage == "info" else b"info")


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), bytes(33)], ids=len)
def test_a_key_that_cannot_be_wrapped_to_is_a_broken_seal(public: bytes) -> None:
    # 32 zero bytes are a point of small order: everybody would share the same secret with it.
    with pytest.raises(SealBroken):
        wrap(b"k" * 32, public, b"")


def test_an_encapsulated_key_of_small_order_is_a_broken_seal() -> None:
    private, _ = new_pair()
    with pytest.raises(SealBroken):
        unwrap(bytes(80), private, b"")
