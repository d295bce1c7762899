"""The store of private halves: what has ended is nowhere, however the process ends."""

from __future__ import annotations

import logging
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.errors import ConfigurationError, IntegrityError
from streams.vault import store as module
from streams.vault.store import SqliteStore, State
from tests.unit.vault.cases import DAY, NOON, files_hold, stored

SECRET = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = opened(tmp_path)
    yield store
    store.close()


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "vault.db", folder / "keks")


def wrapped_of(folder: Path, key_id: str) -> bytes:
    """The wrapped private half, as a thief of the database finds it."""
    with sqlite3.connect(folder / "vault.db") as db:
        raw: bytes = db.execute("SELECT wrapped FROM keys WHERE key_id = ?", (key_id,)).fetchone()[0]
    db.close()
    return raw


def test_a_key_is_kept_over_a_restart(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    store.close()
    again = opened(tmp_path)
    found = again.private("day-1")
    assert found is not None
    assert (found.key, found.private) == (stored("day-1"), SECRET)
    assert again.find("day-1") == stored("day-1")
    again.close()


def test_the_private_half_is_in_no_file_in_the_clear(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1", public=b"p" * 32), SECRET)
    assert files_hold(tmp_path, SECRET) == []
    assert files_hold(tmp_path, b"p" * 32) != []  # the search finds what is there


def test_files_are_for_their_owner_alone(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes.pop("keks") == 0o700
    assert set(modes) >= {"vault.db", "vault.db-wal", "day-1.kek"}
    assert set(modes.values()) == {0o600}


def test_never_was_is_not_ended(store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    assert store.state("day-1") == State.LIVE
    assert store.end(["day-1", "day-404"], NOON) == {"day-1"}
    assert store.state("day-1") == State.ENDED
    assert store.state("day-404") == State.UNKNOWN
    assert (store.private("day-1"), store.find("day-1")) == (None, None)
    assert store.end(["day-1"], NOON) == {"day-1"}


def test_an_ended_key_is_nowhere_in_the_raw_bytes(tmp_path: Path, store: SqliteStore) -> None:
    """Two hundred keys, so that pages split and merge; every second one ends, in random order, in small lots."""
    names = [f"account-{number:04d}" for number in range(200)]
    for name in names:
        store.add(stored(name, kind="account", end=0), random.Random(name).randbytes(32))
    wrapped = {name: wrapped_of(tmp_path, name) for name in names}
    keks = {name: (tmp_path / "keks" / f"{name}.kek").read_bytes() for name in names}
    doomed = names[::2]
    random.Random(7).shuffle(doomed)
    for start in range(0, len(doomed), 9):
        lot = doomed[start : start + 9]
        assert store.end(lot, NOON) == set(lot)
    for name in names:
        found = bool(files_hold(tmp_path, wrapped[name])), bool(files_hold(tmp_path, keks[name]))
        assert found == ((False, False) if name in doomed else (True, True)), name
    assert [key.key_id for key in store.live()] == names[1::2]
    assert all(store.private(name) for name in names[1::2])


def test_an_open_reader_keeps_a_key_ending_and_nobody_gets_it_meanwhile(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    wrapped = wrapped_of(tmp_path, "day-1")
    reader = sqlite3.connect(tmp_path / "vault.db", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM keys").fetchone() == (1,)

    assert store.end(["day-1"], NOON) == set()
    assert store.state("day-1") == State.ENDING
    assert [key.key_id for key in store.ending()] == ["day-1"]
    assert (store.private("day-1"), store.live()) == (None, [])
    assert files_hold(tmp_path, wrapped) != []  # the reader's pages: why it is not `ended` yet
    assert list((tmp_path / "keks").iterdir()) == []  # and why it is of no use to anybody

    reader.execute("ROLLBACK")
    reader.close()
    assert store.end(["day-1"], NOON) == {"day-1"}
    assert store.state("day-1") == State.ENDED
    assert files_hold(tmp_path, wrapped) == []


def test_an_old_database_put_back_revives_nothing(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    store.add(stored("day-2"), SECRET)
    store.close()
    copy = (tmp_path / "vault.db").read_bytes()
    store = opened(tmp_path)
    store.end(["day-1"], NOON)
    store.close()
    (tmp_path / "vault.db").write_bytes(copy)
    store = opened(tmp_path)
    assert [key.key_id for key in store.live()] == ["day-1", "day-2"]  # the copy believes so
    assert store.lost() == ["day-1"]
    with pytest.raises(IntegrityError, match=r"day-1 .* missing or wrong"):
        store.private("day-1")
    assert store.private("day-2") is not None
    store.close()


def test_a_wrong_key_encryption_key_is_an_integrity_error(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    for wrong in (bytes(32), b"", b"short"):
        (tmp_path / "keks" / "day-1.kek").write_bytes(wrong)
        with pytest.raises(IntegrityError) as caught:
            store.private("day-1")
        assert repr(SECRET)[2:-1] not in str(caught.value)


def test_a_row_renamed_to_another_key_does_not_open(tmp_path: Path, store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    store.add(stored("day-2"), bytes(32))
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute("UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE key_id = 'day-1') WHERE key_id = 'day-2'")
    db.close()
    with pytest.raises(IntegrityError):
        store.private("day-2")


def test_a_kek_that_cannot_be_removed_keeps_its_key_ending_and_the_others_end(
    tmp_path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add(stored("day-1"), SECRET)
    store.add(stored("day-2"), SECRET)
    stuck = tmp_path / "keks" / "day-1.kek"
    stuck.unlink()
    (stuck / "below").mkdir(parents=True)  # a folder can be neither overwritten nor unlinked, even by root
    assert store.end(["day-1", "day-2"], NOON) == {"day-2"}
    assert (store.state("day-1"), store.private("day-1")) == (State.ENDING, None)
    assert "key day-1 is still ending" in caplog.text
    (stuck / "below").rmdir()
    stuck.rmdir()
    assert store.end(["day-1"], NOON) == {"day-1"}


def test_a_row_that_cannot_be_written_leaves_no_kek(tmp_path: Path, store: SqliteStore) -> None:
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON keys BEGIN SELECT RAISE(ABORT, 'full'); END")
    db.close()
    with pytest.raises(sqlite3.Error):
        store.add(stored("day-1"), SECRET)
    assert list((tmp_path / "keks").iterdir()) == []


CRASH = """
import os, signal, sys
from pathlib import Path
from streams.vault.store import SqliteStore
folder, step = Path(sys.argv[1]), sys.argv[2]
store = SqliteStore(folder / "vault.db", folder / "keks")
real, calls = getattr(store, step), []
def die(*values):
    calls.append(values)
    if sys.argv[3] == "before" or len(calls) > 1:
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(*values)
    if sys.argv[3] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return done
setattr(store, step, die)
store.end(["day-1"], 5)
"""


@pytest.mark.parametrize(
    ("step", "when", "left"),
    [
        ("_fence", "before", State.LIVE),
        ("_fence", "after", State.ENDING),
        ("_destroy_kek", "after", State.ENDING),
        ("_flush_log", "after", State.ENDING),
        ("_flush_log", "second", State.ENDED),
    ],
)
def test_killed_in_the_middle_the_next_call_finishes(tmp_path: Path, step: str, when: str, left: str) -> None:
    store = opened(tmp_path)
    store.add(stored("day-1"), SECRET)
    store.add(stored("day-2"), SECRET)
    wrapped = wrapped_of(tmp_path, "day-1")
    store.close()
    killed = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path), step, when], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = opened(tmp_path)
    assert store.state("day-1") == left
    assert (store.private("day-1") is not None) == (left == State.LIVE)
    assert store.lost() == []
    assert store.end(["day-1"], NOON) == {"day-1"}
    assert files_hold(tmp_path, wrapped) == []
    assert store.private("day-2") is not None
    store.close()


def test_endings_of_transit_keys_are_forgotten_after_400_days_and_others_never(store: SqliteStore) -> None:
    for key_id, kind in (("transit-s-1", "transit"), ("account-1", "account"), ("day-1", "day"), ("day-2", "day")):
        store.add(stored(key_id, kind=kind), SECRET)
    store.end(["transit-s-1", "account-1", "day-1"], NOON)
    store.end(["day-2"], NOON + 401 * DAY)
    states = [store.state(key_id) for key_id in ("transit-s-1", "account-1", "day-1")]
    assert states == [State.UNKNOWN, State.ENDED, State.ENDED]


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(ConfigurationError, match=r"vault database .*vault\.db cannot be opened"):
        opened(tmp_path)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keks").write_text("")
    with pytest.raises(ConfigurationError, match=r"vault folder .*keks"):
        opened(tmp_path)


def test_another_process_that_writes_is_an_error_and_not_a_loss(
    tmp_path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.add(stored("day-1"), SECRET)
    store._db.execute("PRAGMA busy_timeout = 1")
    writer = sqlite3.connect(tmp_path / "vault.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError):
        store.end(["day-1"], NOON)
    writer.execute("ROLLBACK")
    writer.close()
    assert store.private("day-1") is not None
    assert store.end(["day-1"], NOON) == {"day-1"}


def test_reprs_hold_no_key(store: SqliteStore) -> None:
    store.add(stored("day-1"), SECRET)
    shown = repr((store, store.private("day-1")))
    assert "**********" in shown
    assert repr(SECRET)[2:-1] not in shown


def test_sqlite_is_set_to_forget(store: SqliteStore) -> None:
    def pragma(name: str) -> object:
        return store._db.execute(f"PRAGMA {name}").fetchone()[0]

    assert [pragma(name) for name in ("journal_mode", "secure_delete", "synchronous", "temp_store")] == ["wal", 1, 2, 2]
    assert module.NONCE_BYTES == 12
