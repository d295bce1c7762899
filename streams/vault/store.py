"""Where private halves lie: a database, and for each key a key-encryption key (KEK) in a place of its own.

A private half is in the database only as ciphertext under its KEK. Ending a key destroys both: the KEK's file is
overwritten, unlinked and its folder synced; the row is deleted with `secure_delete`, and the write-ahead log is
checkpointed and truncated. Only when SQLite says that nothing stood in the way is the key `ended`; until then it is
`ending` and is tried again. An old copy of the database revives nothing, since the KEK is gone; a key that is ending
can no longer be read from the first step on.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.errors import ConfigurationError, IntegrityError

__all__ = ["Kept", "SqliteStore", "State", "Store", "StoredKey"]

NONCE_BYTES = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    key_id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, public BLOB NOT NULL, wrapped BLOB NOT NULL,
    made INTEGER NOT NULL, seal_from INTEGER NOT NULL, seal_until INTEGER NOT NULL, end INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'live') STRICT;
CREATE INDEX IF NOT EXISTS keys_by_subject ON keys (kind, subject);
CREATE TABLE IF NOT EXISTS ended (key_id TEXT PRIMARY KEY, kind TEXT NOT NULL, ended_at INTEGER NOT NULL) STRICT;
"""


class State:
    """What is known of a key id. "No key" has three meanings: `unknown` (never was), `ended`, `ending`."""

    UNKNOWN = "unknown"
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

    `end` returns true only once the private half can be read from no file of the store, and from no copy that was made
    of its database alone; `state` still knows the key's id afterwards.
    """

    def add(self, key: StoredKey, private: bytes) -> None:
        """Keep a new key. Once it returns, the key survives a crash."""
        ...

    def private(self, key_id: str) -> Kept | None:
        """A live key with its private half."""
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
        """One of `State`."""
        ...

    def end(self, key_id: str, now_ms: int) -> bool:
        """Destroy a key; false when it has to be tried again."""
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
                self._db.execute("PRAGMA busy_timeout = 1000")
                self._db.executescript(_SCHEMA)
        except OSError as error:
            raise ConfigurationError(f"vault folder {error.filename or path.parent}: {error.strerror}") from None
        except sqlite3.DatabaseError:
            raise ConfigurationError(
                f"vault database {path} cannot be opened: it is damaged, in use, or not writable. Restore nothing "
                "from a backup that is older than the margin of ended keys; see docs/keys.md"
            ) from None

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path.name}>"

    def add(self, key: StoredKey, private: bytes) -> None:
        """See `Store`. The KEK is on disk before the row: a crash between leaves a KEK of nothing, never half a key."""
        kek, nonce = AESGCM.generate_key(256), os.urandom(NONCE_BYTES)
        wrapped = nonce + AESGCM(kek).encrypt(nonce, private, _bound(key))
        self._write_kek(key.key_id, kek)
        self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'live')", (*key[:4], wrapped, *key[4:]))

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

    def end(self, key_id: str, now_ms: int) -> bool:
        """See `Store`. Every step can be repeated, so a crash between two of them is mended by the next call."""
        row = self._db.execute("SELECT kind FROM keys WHERE key_id = ?", (key_id,)).fetchone()
        if row is None:
            return self.state(key_id) == State.ENDED
        # First fence: from here on nobody gets the key, whatever happens to the rest.
        self._db.execute(
            "UPDATE keys SET state = 'ending', wrapped = zeroblob(length(wrapped)) WHERE key_id = ?", (key_id,)
        )
        self._destroy_kek(key_id)
        if not self._flush_log():
            return False
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO ended VALUES (?, ?, ?)", (key_id, row[0], now_ms))
            self._db.execute("DELETE FROM keys WHERE key_id = ?", (key_id,))
        self._flush_log()
        return True

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

    def _destroy_kek(self, key_id: str) -> None:
        place = self._kek_file(key_id)
        if place.exists():
            with place.open("r+b") as file:
                file.write(os.urandom(32))
                file.flush()
                os.fsync(file.fileno())
            place.unlink()
        _sync(self._keks)


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
