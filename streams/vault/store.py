"""Where private halves lie: a database, and for each key a key-encryption key (KEK) in a place of its own.

A private half is in the database only as ciphertext under its KEK. Ending a key destroys both: the KEK's file is
overwritten, unlinked and its folder synced; the row is deleted with `secure_delete`, and the write-ahead log is
checkpointed and truncated. Only when SQLite says that nothing stood in the way is the key `ended`; until then it is
`ending` and is tried again. An old copy of the database revives nothing, since the KEK is gone; a key that is ending
can no longer be read from the first step on. docs/keys.md tells it as a whole.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.errors import ConfigurationError, IntegrityError

__all__ = ["Kept", "SqliteStore", "State", "Store", "StoredKey"]

log = logging.getLogger(__name__)
NONCE_BYTES = 12
REMEMBERED_MS = 400 * 24 * 3_600_000  # endings of keys that nobody can ask for any more are forgotten
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    key_id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, public BLOB NOT NULL, wrapped BLOB NOT NULL,
    made INTEGER NOT NULL, seal_from INTEGER NOT NULL, seal_until INTEGER NOT NULL, end INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'live') STRICT;
CREATE INDEX IF NOT EXISTS keys_by_subject ON keys (kind, subject);
CREATE TABLE IF NOT EXISTS ended (key_id TEXT PRIMARY KEY, kind TEXT NOT NULL, ended_at INTEGER NOT NULL) STRICT;
"""


class State:
    """What is known of a key id. "No key" has three meanings: it never was, it is over, its time has not come."""

    UNKNOWN = "unknown"
    NOT_YET = "not_yet"
    LIVE = "live"
    ENDING = "ending"
    ENDED = "ended"


class StoredKey(NamedTuple):
    """A key without its private half. `subject` is a transit class, a day, an account, or a purpose. Times in ms."""

    key_id: str
    kind: str
    subject: str
    public: bytes
    made: int
    seal_from: int
    seal_until: int
    end: int  # 0: without an end of its own


class Kept(NamedTuple):
    """A key with its private half, which no repr shows."""

    key: StoredKey
    private: bytes

    def __repr__(self) -> str:
        return f"<Kept {self.key.key_id} **********>"


class Store(Protocol):
    """Keeps private halves. SQLite is the embedded one; another database has to keep the same promises:

    `end` names a key only once its private half can be read from no file of the store, and from no copy that was made
    of its database alone; `state` still knows the key's id afterwards. No method names a private half in an error.
    """

    def add(self, key: StoredKey, private: bytes) -> None:
        """Keep a new key. Once it returns, the key survives a crash."""
        ...

    def private(self, key_id: str) -> Kept | None:
        """A live key with its private half."""
        ...

    def find(self, key_id: str) -> StoredKey | None:
        """A live key without its private half."""
        ...

    def live(self, kind: str | None = None, subject: str | None = None) -> list[StoredKey]:
        """Live keys, oldest first."""
        ...

    def due(self, now_ms: int) -> list[StoredKey]:
        """Live keys whose end has come."""
        ...

    def counts(self) -> dict[str, int]:
        """Live keys by kind."""
        ...

    def state(self, key_id: str) -> str:
        """UNKNOWN, LIVE, ENDING or ENDED: a store knows no time."""
        ...

    def end(self, key_ids: Collection[str], now_ms: int) -> set[str]:
        """Destroy keys. Those of them that are ended now; the others are fenced off and have to be tried again."""
        ...

    def ending(self) -> list[StoredKey]:
        """Keys whose ending was begun and is not finished."""
        ...

    def close(self) -> None:
        """Leave the store."""
        ...


class SqliteStore:
    """The store in one SQLite file, with KEKs in `kek_directory`. For one process (held by a lock) and one thread."""

    def __init__(self, path: Path, kek_directory: Path) -> None:
        self._path, self._keks = path, kek_directory
        try:
            for folder in (path.parent, kek_directory):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _private_files():
                self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA secure_delete = ON")
                self._db.execute("PRAGMA temp_store = MEMORY")
                self._db.execute("PRAGMA busy_timeout = 1000")
                self._db.executescript(_SCHEMA)
        except OSError as error:
            raise ConfigurationError(f"vault folder {error.filename or path.parent}: {error.strerror}") from None
        except sqlite3.DatabaseError:
            raise ConfigurationError(
                f"vault database {path} cannot be opened: it is damaged, locked, or not writable. Look at its owner "
                "and at what else has it open; docs/keys.md tells what to do about a damaged one"
            ) from None

    def lost(self) -> list[str]:
        """Ids of live keys without a KEK. An ending cannot leave such a row (it is fenced off first): the database is
        an old copy, or the folder of KEKs is not the right one."""
        kept = {entry.name for entry in os.scandir(self._keks)}
        rows = self._db.execute("SELECT key_id FROM keys WHERE state = 'live' ORDER BY made, key_id")
        return [str(key_id) for (key_id,) in rows if self._kek_file(key_id).name not in kept]

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path.name}>"

    def add(self, key: StoredKey, private: bytes) -> None:
        """See `Store`. The KEK is on disk before the row: a crash between leaves a KEK of nothing, never half a key."""
        kek, nonce = AESGCM.generate_key(256), os.urandom(NONCE_BYTES)
        wrapped = nonce + AESGCM(kek).encrypt(nonce, private, _bound(key))
        self._write_kek(key.key_id, kek)
        try:
            self._db.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'live')", (*key[:4], wrapped, *key[4:])
            )
        except sqlite3.Error:
            self._destroy_kek(key.key_id)
            raise

    def private(self, key_id: str) -> Kept | None:
        """See `Store`. A live key whose KEK is missing or wrong is an `IntegrityError`."""
        row = self._db.execute("SELECT * FROM keys WHERE key_id = ? AND state = 'live'", (key_id,)).fetchone()
        if row is None:
            return None
        key, wrapped = _key(row), row[4]
        try:
            kek = self._kek_file(key_id).read_bytes()
            return Kept(key, AESGCM(kek).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(key)))
        except (OSError, InvalidTag, ValueError):
            raise IntegrityError(
                f"key {key_id} is in the vault's database, but its key-encryption key in {self._keks} is missing or "
                "wrong: an old database was put back, or the folder is not the right one"
            ) from None

    def find(self, key_id: str) -> StoredKey | None:
        """See `Store`."""
        row = self._db.execute("SELECT * FROM keys WHERE key_id = ? AND state = 'live'", (key_id,)).fetchone()
        return None if row is None else _key(row)

    def live(self, kind: str | None = None, subject: str | None = None) -> list[StoredKey]:
        """See `Store`."""
        rows = self._db.execute(
            "SELECT * FROM keys WHERE state = 'live' AND kind = coalesce(?, kind) AND subject = coalesce(?, subject) "
            "ORDER BY made, key_id",
            (kind, subject),
        )
        return [_key(row) for row in rows]

    def due(self, now_ms: int) -> list[StoredKey]:
        """See `Store`."""
        rows = self._db.execute("SELECT * FROM keys WHERE state = 'live' AND end > 0 AND end <= ?", (now_ms,))
        return [_key(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """See `Store`."""
        return dict(
            self._db.execute("SELECT kind, count(*) FROM keys WHERE state = 'live' GROUP BY kind ORDER BY kind")
        )

    def ending(self) -> list[StoredKey]:
        """See `Store`."""
        return [_key(row) for row in self._db.execute("SELECT * FROM keys WHERE state = 'ending' ORDER BY made")]

    def state(self, key_id: str) -> str:
        """See `Store`."""
        row = self._db.execute("SELECT state FROM keys WHERE key_id = ?", (key_id,)).fetchone()
        if row is not None:
            return str(row[0])
        gone = self._db.execute("SELECT 1 FROM ended WHERE key_id = ?", (key_id,)).fetchone()
        return State.ENDED if gone else State.UNKNOWN

    def end(self, key_ids: Collection[str], now_ms: int) -> set[str]:
        """See `Store`. Every step can be repeated, so a crash between two of them is mended by the next call.

        1. Fence: the rows lose their ciphertext, and from here on nobody gets the keys, whatever happens to the rest.
        2. The KEKs are destroyed.
        3. The write-ahead log, which still holds the old pages, is emptied. A reader that stands in the way ends this
           call here: the keys stay `ending`.
        4. The ids go to the table of ended keys.
        """
        kinds = {key_id: kind for key_id in set(key_ids) for kind in self._kind(key_id)}
        ended = {key_id for key_id in set(key_ids) - kinds.keys() if self.state(key_id) == State.ENDED}
        self._fence(list(kinds))
        gone = [key_id for key_id in kinds if self._destroy_kek(key_id)]
        if not gone or not self._flush_log():
            return ended
        with self._transaction():
            for key_id in gone:
                self._db.execute("INSERT OR REPLACE INTO ended VALUES (?, ?, ?)", (key_id, kinds[key_id], now_ms))
                self._db.execute("DELETE FROM keys WHERE key_id = ?", (key_id,))
            self._db.execute(
                "DELETE FROM ended WHERE kind IN ('transit', 'digest') AND ended_at < ?", (now_ms - REMEMBERED_MS,)
            )
        self._flush_log()  # holds no secret any more: a reader in the way does no harm
        return ended.union(gone)

    def _kind(self, key_id: str) -> list[str]:
        return [str(kind) for (kind,) in self._db.execute("SELECT kind FROM keys WHERE key_id = ?", (key_id,))]

    def _fence(self, key_ids: list[str]) -> None:
        with self._transaction():
            for key_id in key_ids:
                self._db.execute(
                    "UPDATE keys SET state = 'ending', wrapped = zeroblob(length(wrapped)) WHERE key_id = ?", (key_id,)
                )

    def close(self) -> None:
        """See `Store`."""
        self._db.close()

    def _flush_log(self) -> bool:
        """Empty the write-ahead log into the database. False when a reader stands in the way: then the log still
        holds old pages."""
        busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy == 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _kek_file(self, key_id: str) -> Path:
        return self._keks / f"{key_id}.kek"

    def _write_kek(self, key_id: str, kek: bytes) -> None:
        place = self._kek_file(key_id)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(kek)
            file.flush()
            os.fsync(file.fileno())
        _sync(self._keks)

    def _destroy_kek(self, key_id: str) -> bool:
        place = self._kek_file(key_id)
        try:
            if place.exists():
                with place.open("r+b") as file:
                    file.write(os.urandom(place.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                place.unlink()
            _sync(self._keks)
        except OSError as error:
            log.error("key %s is still ending: its key-encryption key stays: %s", key_id, error.strerror)
            return False
        return True


def _bound(key: StoredKey) -> bytes:
    """What a wrapped private half is bound to."""
    return f"compliance-streams private half 1|{key.key_id}|{key.kind}|{key.subject}".encode()


def _key(row: tuple[object, ...]) -> StoredKey:
    return StoredKey(*row[:4], *row[5:9])  # type: ignore[arg-type]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _private_files() -> Iterator[None]:
    """Files that are made inside are for the owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
