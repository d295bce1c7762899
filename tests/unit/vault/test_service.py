"""The lives of keys, under a clock that tests move."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import metrics
from streams.codec.records import decode_evidence, storage_aad
from streams.model import Account, Accounts, KeyKind, PublicKey, StorageMode, TransitClass
from streams.vault.hpke import public_of
from streams.vault.keyring import PublicKeys
from streams.vault.opening import open_sealed
from streams.vault.sealing import PURPOSE, StorageSealer
from streams.vault.store import State
from tests.unit.vault.cases import CONTENT, DAY, HOUR, MINUTE, NOON, Kept, kept

MIDNIGHT = NOON - 12 * HOUR


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Kept]:
    at = Kept(tmp_path)
    yield at
    at.store.close()


def of(keys: list[PublicKey], what: KeyKind | TransitClass) -> list[PublicKey]:
    return [key for key in keys if what in (key.kind, key.transit_class)]


def test_rotation_makes_what_is_due_and_nothing_twice(at: Kept) -> None:
    keys = at.vault.rotate()
    assert sorted(key.day or "" for key in of(keys, KeyKind.DAY)) == [f"2023-11-{day}" for day in range(11, 16)]
    assert len(of(keys, TransitClass.STANDARD)) == len(of(keys, TransitClass.NO_STORAGE)) == 1
    assert at.vault.rotate() == keys
    assert len({key.public for key in keys}) == len(keys)


def test_every_day_has_a_key_while_its_records_can_still_be_read(at: Kept) -> None:
    """The vault was away for three days: a record of the first of them can still be sealed."""
    at.vault.rotate()
    at.clock.now = NOON + 3 * DAY
    keys = PublicKeys()
    for key in at.vault.rotate():
        keys.put(key)
    for back in range(73):
        assert keys.day(at.clock.now - back * HOUR, at.clock.now) is not None


def test_a_day_key_ends_716_hours_after_its_day_began_and_never_after_30_days(at: Kept) -> None:
    for key in of(at.vault.rotate(), KeyKind.DAY):
        start = MIDNIGHT + (int((key.day or "")[-2:]) - 14) * DAY
        assert (key.seal_from, key.end, key.seal_until) == (start, start + 716 * HOUR, start + 716 * HOUR)
        assert key.end < start + 30 * DAY


def test_transit_keys_are_made_anew_by_class(at: Kept) -> None:
    made: dict[str, PublicKey] = {}
    for minute in range(0, 181, 10):
        at.clock.now = NOON + minute * MINUTE
        made.update((key.key_id, key) for key in at.vault.rotate())
    starts = {
        name: [(key.seal_from - NOON) // MINUTE for key in of(list(made.values()), name)] for name in TransitClass
    }
    assert starts[TransitClass.STANDARD] == [0, 60, 120, 180]
    assert starts[TransitClass.NO_STORAGE] == [0, 30, 60, 90, 120, 150, 180]
    lives = {(key.transit_class, (key.end - key.seal_from) // HOUR) for key in of(list(made.values()), KeyKind.TRANSIT)}
    assert lives == {(TransitClass.STANDARD, 72), (TransitClass.NO_STORAGE, 1)}


def test_what_is_sealed_to_the_newest_key_can_be_read_for_half_its_life(at: Kept) -> None:
    for minute in range(0, 121, 5):
        at.clock.now = NOON + minute * MINUTE
        keys = PublicKeys()
        for key in at.vault.rotate():
            keys.put(key)
        newest = keys.transit(TransitClass.NO_STORAGE, at.clock.now)
        assert newest is not None
        assert newest.end - at.clock.now >= 30 * MINUTE


def test_a_transit_key_is_given_to_workers_until_its_end(at: Kept) -> None:
    [key] = of(at.vault.rotate(), TransitClass.NO_STORAGE)
    answer = at.vault.transit(key.key_id)
    assert answer.kept is not None
    assert public_of(answer.kept.private) == key.public
    assert "**********" in repr(answer)
    at.clock.now = key.end - 1
    assert at.vault.transit(key.key_id).kept is not None
    at.clock.now = key.end  # overdue, since nobody ended it yet: given out it is not
    assert at.vault.transit(key.key_id) == (State.ENDED, None)
    assert at.vault.status()["overdue"] == 1
    assert [ended.key_id for ended in at.vault.end_due()] == [key.key_id]
    assert at.vault.transit(key.key_id) == (State.ENDED, None)
    assert at.vault.status()["overdue"] == 0


def test_no_key_has_three_meanings(at: Kept) -> None:
    days = {key.day: key.key_id for key in of(at.vault.rotate(), KeyKind.DAY)}
    assert at.vault.state(days["2023-11-14"]) == State.LIVE
    assert at.vault.state(days["2023-11-15"]) == State.NOT_YET
    assert at.vault.state("day-2023-11-14-00000000") == State.UNKNOWN
    at.clock.now = MIDNIGHT + 716 * HOUR
    assert at.vault.state(days["2023-11-14"]) == State.ENDED
    at.vault.end_due()
    assert at.vault.state(days["2023-11-14"]) == State.ENDED
    assert at.vault.state(days["2023-11-15"]) == State.LIVE


def test_the_worker_gets_transit_keys_and_no_others(at: Kept) -> None:
    at.vault.rotate()
    at.vault.open_account("acme")
    at.vault.digest_key()
    other = [key for key in at.store.live() if key.kind != "transit"]
    assert {key.kind for key in other} == {"day", "account", "digest"}
    for key in other:
        assert at.vault.transit(key.key_id) == (State.UNKNOWN, None)
    at.store.end([key.key_id for key in other], NOON)
    for key in other:
        assert at.vault.transit(key.key_id) == (State.UNKNOWN, None)


def test_endings_are_told_once_with_their_public_halves(at: Kept) -> None:
    keys = at.vault.rotate()
    at.clock.now = NOON + 73 * HOUR
    ended = at.vault.end_due()
    assert {key.key_id for key in ended} == {key.key_id for key in of(keys, KeyKind.TRANSIT)}
    assert all(key.ended for key in ended)
    assert at.vault.end_due() == []
    assert not {key.key_id for key in ended} & {key.key_id for key in at.vault.rotate()}


def test_a_vault_without_a_janitor_ends_what_is_five_minutes_late(at: Kept, caplog: pytest.LogCaptureFixture) -> None:
    [key] = of(at.vault.rotate(), TransitClass.NO_STORAGE)
    at.clock.now = key.end + 5 * MINUTE - 1
    assert at.vault.end_neglected() == []
    at.clock.now = key.end + 5 * MINUTE
    assert at.vault.end_neglected() == [key.key_id]
    assert "is the janitor running?" in caplog.text
    assert at.vault.end_neglected() == []


def test_a_blocked_ending_is_overdue_until_it_is_done(at: Kept) -> None:
    [key] = of(at.vault.rotate(), TransitClass.NO_STORAGE)
    reader = sqlite3.connect(at.folder / "vault.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()
    at.clock.now = key.end
    assert at.vault.end_due() == []
    assert (at.vault.status()["overdue"], at.vault.status()["ending"]) == (1, [key.key_id])
    assert at.vault.transit(key.key_id) == (State.ENDED, None)
    assert key.key_id not in {one.key_id for one in at.vault.rotate()}
    reader.execute("ROLLBACK")
    reader.close()
    assert [ended.key_id for ended in at.vault.end_due()] == [key.key_id]
    assert at.vault.status()["overdue"] == 0


def test_an_account_has_one_key_until_it_is_closed(at: Kept) -> None:
    key_id, public = at.vault.open_account("acme")
    assert at.vault.open_account("acme") == (key_id, public)
    assert "acme" not in key_id
    assert at.vault.open_account("umbrella")[0] != key_id
    assert at.vault.close_account("acme") == [key_id]
    assert at.vault.state(key_id) == State.ENDED
    assert at.vault.close_account("acme") == []
    assert at.vault.open_account("acme")[0] != key_id


def test_closing_an_account_again_finishes_what_a_reader_held_back(at: Kept) -> None:
    key_id, _ = at.vault.open_account("acme")
    reader = sqlite3.connect(at.folder / "vault.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()
    assert at.vault.close_account("acme") == []
    assert at.vault.status()["ending"] == [key_id]
    assert at.store.private(key_id) is None
    reader.execute("ROLLBACK")
    reader.close()
    assert at.vault.close_account("acme") == [key_id]


def test_the_digest_key_changes_after_30_days_and_the_old_one_ends(at: Kept) -> None:
    first = at.vault.digest_key()
    at.clock.now = NOON + 30 * DAY - 1
    assert at.vault.digest_key() == first
    at.clock.now = NOON + 30 * DAY
    assert at.vault.digest_key() != first
    at.vault.end_due()
    assert at.vault.status()["keys"]["digest"] == 1


def test_all_of_it_outlives_a_restart(at: Kept) -> None:
    keys, account, digest = at.vault.rotate(), at.vault.open_account("acme"), at.vault.digest_key()
    at.again()
    assert (at.vault.rotate(), at.vault.open_account("acme"), at.vault.digest_key()) == (keys, account, digest)


def test_keys_whose_kek_is_lost_can_be_given_up(at: Kept) -> None:
    key_id, _ = at.vault.open_account("acme")
    (at.folder / "keks" / f"{key_id}.kek").unlink()
    assert at.vault.end_lost(at.store.lost()) == 1
    assert at.store.lost() == []
    assert at.vault.state(key_id) == State.ENDED


def test_status_tells_what_ends_next_and_gauges_say_the_same(at: Kept) -> None:
    keys = at.vault.rotate()
    at.vault.open_account("acme")
    status = at.vault.status()
    assert status["keys"] == {"account": 1, "day": 5, "transit": 2}
    assert status["oldest_readable_day"] == "2023-11-11"
    assert status["next_end"] == min(key.end for key in keys)
    assert metrics.VAULT_KEYS.labels("day")._value.get() == 5
    assert metrics.VAULT_OLDEST._value.get() == (3 * 24 + 12) * 3600
    assert metrics.VAULT_OVERDUE._value.get() == 0


def test_the_vault_itself_opens_what_a_worker_sealed_until_either_key_ends(at: Kept) -> None:
    """From publication to the end: what the worker seals opens with the store's keys, and no longer when one ended."""
    keys = PublicKeys()
    for key in at.vault.rotate():
        keys.put(key)
    key_id, public = at.vault.open_account("acme")
    accounts = Accounts({"acme": Account("acme", mode=StorageMode.STANDARD, key_id=key_id, public_key=public)})
    [outcome] = StorageSealer("us").seal([kept()], accounts, keys, NOON)
    assert outcome.keep is not None
    assert outcome.signal is not None
    sealed = outcome.keep
    mine, days = at.store.private(sealed.account_key), at.store.private(sealed.day_key)
    assert mine is not None
    assert days is not None
    aad = storage_aad(outcome.source, outcome.signal.meta, "us", PURPOSE, sealed.account_key, sealed.day_key)
    assert decode_evidence(open_sealed(mine.private, days.private, sealed, aad)).content == CONTENT
    at.clock.now = MIDNIGHT + 716 * HOUR
    at.vault.end_due()
    assert at.store.private(sealed.day_key) is None
    at.vault.close_account("acme")
    assert at.store.private(sealed.account_key) is None
