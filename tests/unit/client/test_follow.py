"""A client knows of accounts what it needs, within bounds, and what it cannot read it treats with most protection."""

from __future__ import annotations

from streams.client.follow import Following
from streams.client.report import Reason
from streams.codec.records import encode_account, encode_key
from streams.errors import ComplianceError
from streams.model import Account, KeyKind, PublicKey, StorageMode, TransitClass
from streams.vault.keyring import PublicKeys

STANDARD, NO_STORAGE, EDGE = StorageMode


def following(only: list[str] | None = None, bound: int = 100) -> tuple[Following, list[Reason]]:
    told: list[Reason] = []

    def report(reason: Reason, error: ComplianceError) -> None:
        told.append(reason)

    return Following(PublicKeys(), only, bound, report), told


def take(target: Following, account: Account) -> None:
    target.take("accounts", account.account.encode(), encode_account(account))


def test_an_account_is_learnt_and_changed_by_newer_versions_only() -> None:
    known, _ = following()
    take(known, Account(account="a", version=2, mode=EDGE))
    take(known, Account(account="a", version=1, mode=STANDARD))
    assert known.mode("a", None, None) is EDGE
    take(known, Account(account="a", version=3, mode=STANDARD))
    assert known.mode("a", None, None) is STANDARD


def test_an_application_may_be_more_protected_than_its_account() -> None:
    known, _ = following()
    take(known, Account(account="a", mode=STANDARD, application_modes=(("clinic", EDGE),)))
    assert known.mode("a", "clinic", None) is EDGE
    assert known.mode("a", "chat", None) is STANDARD


def test_nobody_has_set_it_means_no_storage() -> None:
    assert following()[0].mode("stranger", None, None) is NO_STORAGE


def test_a_record_that_cannot_be_read_makes_its_account_edge() -> None:
    known, told = following()
    take(known, Account(account="a", version=5, mode=STANDARD))
    known.take("accounts", b"a", b"\xc3\x01 from a newer release")
    assert known.mode("a", None, None) is EDGE
    assert told == [Reason.UNREADABLE]
    take(known, Account(account="a", version=6, mode=STANDARD))
    assert known.mode("a", None, None) is STANDARD


def test_tombstones_and_strange_keys_change_nothing() -> None:
    known, told = following()
    known.take("accounts", b"a", None)
    known.take("accounts", b"\xff not an id", b"rubbish")
    known.take("keys", b"k", b"rubbish")
    assert len(known) == 0
    assert told == [Reason.UNREADABLE, Reason.UNREADABLE]


def test_a_tombstone_takes_a_key_away() -> None:
    known, _ = following()
    key = PublicKey("k", KeyKind.TRANSIT, bytes(32), 0, 100, 200, TransitClass.STANDARD)
    known.take("keys", b"k", encode_key(key))
    assert known.keys.transit(TransitClass.STANDARD, 50) == key
    known.take("keys", b"k", None)
    assert known.keys.transit(TransitClass.STANDARD, 50) is None


def test_a_filter_keeps_other_accounts_out() -> None:
    known, _ = following(only=["a"])
    take(known, Account(account="a"))
    take(known, Account(account="b"))
    assert (len(known), known.follows("a"), known.follows("b")) == (1, True, False)


def test_beyond_the_bound_only_edge_accounts_are_remembered() -> None:
    known, _ = following(bound=1)
    take(known, Account(account="a", mode=STANDARD))
    take(known, Account(account="b", mode=STANDARD))
    take(known, Account(account="c", mode=EDGE))
    take(known, Account(account="d", mode=STANDARD, application_modes=(("clinic", EDGE),)))
    assert known.mode("b", None, None) is NO_STORAGE
    assert known.mode("c", None, None) is EDGE
    assert known.mode("d", "clinic", None) is EDGE
    assert known.unremembered == 1


def test_only_what_decides_is_held() -> None:
    known, _ = following()
    take(known, Account(account="a", uses=("legal",), public_key=bytes(32), key_id="k", region="us"))
    held = known.account("a")
    assert held is not None
    assert (held.uses, held.public_key, held.key_id) == ((), None, None)
