"""What `accounts` and `keys` say is taken in order; what cannot be read is never taken for harmless."""

from __future__ import annotations

from streams.codec.records import encode_account, encode_key, encode_skip
from streams.model import Account, Accounts, KeyKind, PublicKey, Record, Skip, Skips, StorageMode
from streams.vault.keyring import PublicKeys
from streams.worker.facts import FactTaker

KEY = b"k" * 32


def test_an_older_version_does_not_undo_a_newer() -> None:
    accounts = Accounts()
    taker = FactTaker(accounts, PublicKeys(), Skips("cell"))
    for version, mode in ((2, StorageMode.NO_STORAGE), (1, StorageMode.STANDARD)):
        taker.account(b"acme", encode_account(Account("acme", version=version, mode=mode)))
    assert accounts["acme"].mode is StorageMode.NO_STORAGE


def test_an_account_that_cannot_be_read_is_unknown_and_so_protected() -> None:
    accounts = Accounts()
    taker = FactTaker(accounts, PublicKeys(), Skips("cell"))
    taker.account(b"acme", encode_account(Account("acme", version=1, mode=StorageMode.STANDARD)))
    assert accounts.facts("acme", None, None).mode is StorageMode.STANDARD
    taker.account(b"acme", b"not an account")
    assert accounts.facts("acme", None, None).mode is StorageMode.NO_STORAGE


def test_a_key_that_cannot_be_read_is_not_used_and_others_are() -> None:
    keys = PublicKeys()
    taker = FactTaker(Accounts(), keys, Skips("cell"))
    taker.key(b"d1", b"not a key")
    taker.key(b"gone", None)
    day = PublicKey("day-2023-11-14", KeyKind.DAY, KEY, 0, 1, 2, day="2023-11-14")
    taker.key(b"day-2023-11-14", encode_key(day))
    assert keys.get("d1") is None
    assert keys.get("day-2023-11-14") == day


def test_a_skip_of_this_cell_is_taken_one_of_another_or_that_cannot_be_read_skips_nothing() -> None:
    skips = Skips("cell")
    taker = FactTaker(Accounts(), PublicKeys(), skips)
    for cell, offset in (("cell", 7), ("other", 8)):
        taker.skip(b"k", encode_skip(Skip(cell, "t.intake", 0, offset, "ends workers", "eve", 1)))
    taker.skip(b"k", b"not a skip")
    taker.skip(b"k", None)
    taken = [offset for offset in range(10) if skips.has(Record("t.intake", 0, offset, 0, None, b""))]
    assert taken == [7]
    assert not skips.has(Record("t.intake", 1, 7, 0, None, b""))
