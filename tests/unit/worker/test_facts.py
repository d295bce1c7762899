"""What `accounts` and `keys` say is taken in order; what cannot be read is never taken for harmless."""

from __future__ import annotations

from streams.codec.records import encode_account, encode_key
from streams.model import Account, Accounts, KeyKind, PublicKey, StorageMode
from streams.vault.keyring import PublicKeys
from streams.worker.facts import FactTaker

KEY = b"k" * 32


def test_an_older_version_does_not_undo_a_newer() -> None:
    accounts = Accounts()
    taker = FactTaker(accounts, PublicKeys())
    for version, mode in ((2, StorageMode.NO_STORAGE), (1, StorageMode.STANDARD)):
        taker.account(b"acme", encode_account(Account("acme", version=version, mode=mode)))
    assert accounts["acme"].mode is StorageMode.NO_STORAGE


def test_an_account_that_cannot_be_read_is_unknown_and_so_protected() -> None:
    accounts = Accounts()
    taker = FactTaker(accounts, PublicKeys())
    taker.account(b"acme", encode_account(Account("acme", version=1, mode=StorageMode.STANDARD)))
    assert accounts.facts("acme", None, None).mode is StorageMode.STANDARD
    taker.account(b"acme", b"not an account")
    assert accounts.facts("acme", None, None).mode is StorageMode.NO_STORAGE


def test_a_key_that_cannot_be_read_is_not_used_and_others_are() -> None:
    keys = PublicKeys()
    taker = FactTaker(Accounts(), keys)
    taker.key(b"d1", b"not a key")
    taker.key(b"gone", None)
    day = PublicKey("day-2023-11-14", KeyKind.DAY, KEY, 0, 1, 2, day="2023-11-14")
    taker.key(b"day-2023-11-14", encode_key(day))
    assert keys.get("d1") is None
    assert keys.get("day-2023-11-14") == day
