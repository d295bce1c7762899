"""Keys, events and outcomes that the vault's tests share. Time moves only when a test says so."""

from __future__ import annotations

from pathlib import Path

from streams.codec.records import encode_content
from streams.model import (
    Account,
    Content,
    Disposition,
    Evidence,
    Facts,
    Finding,
    KeyKind,
    Kind,
    Message,
    Metadata,
    Outcome,
    PublicKey,
    Role,
    Shape,
    Signal,
    Source,
    StorageMode,
    TransitClass,
)
from streams.settings import VaultSettings
from streams.vault.hpke import new_pair
from streams.vault.service import Vault
from streams.vault.store import SqliteStore, StoredKey

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 1_700_000_000_000 // DAY * DAY + 12 * HOUR  # 2023-11-14 12:00 UTC
CONTENT = Content((Message(Role.USER, "how do magnets work"),))
PLAIN = encode_content(CONTENT)


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Kept:
    """A vault on a folder, with a clock."""

    def __init__(self, folder: Path, **settings: int) -> None:
        self.folder = folder
        self.clock = Clock()
        self.settings = VaultSettings.model_validate({"directory": folder, **settings})
        self.store = SqliteStore(folder / "vault.db", folder / "keks")
        self.vault = Vault(self.store, self.settings, self.clock)

    def again(self) -> None:
        """Leave the folder and open it anew, as a restart does."""
        self.store.close()
        self.store = SqliteStore(self.folder / "vault.db", self.folder / "keks")
        self.vault = Vault(self.store, self.settings, self.clock)


def stored(key_id: str, public: bytes = bytes(32), kind: str = "day", end: int = NOON + DAY) -> StoredKey:
    return StoredKey(key_id, kind, "2023-11-14", public, NOON, NOON, end, end)


def transit_key(
    key_id: str = "transit-s-1", start: int = NOON, transit_class: TransitClass = TransitClass.STANDARD
) -> tuple[bytes, PublicKey]:
    private, public = new_pair()
    key = PublicKey(key_id, KeyKind.TRANSIT, public, start, start + 2 * HOUR, start + 3 * DAY, transit_class)
    return private, key


def day_key(day: str = "2023-11-14", start: int = NOON - 12 * HOUR) -> tuple[bytes, PublicKey]:
    private, public = new_pair()
    end = start + 716 * HOUR
    return private, PublicKey(f"day-{day}-1", KeyKind.DAY, public, start, end, end, day=day)


def account(name: str = "acme") -> tuple[bytes, Account]:
    private, public = new_pair()
    return private, Account(name, mode=StorageMode.STANDARD, key_id=f"account-{name}", public_key=public)


def meta(name: str = "acme", event_id: str = "e1") -> Metadata:
    return Metadata(event_id, name, Kind.PROMPT)


def source(offset: int = 0, ingested_at: int = NOON) -> Source:
    return Source("local", "compliance.intake", 0, offset, ingested_at)


def kept(name: str = "acme", offset: int = 0, ingested_at: int = NOON) -> Outcome[Evidence]:
    place = source(offset, ingested_at)
    signal = Signal(place, meta(name), Facts(1, StorageMode.STANDARD), bytes(1), (), Shape(5, 1), "d")
    finding = Finding(0, 50, (), "lexicon/1", "some.clue")
    return Outcome(place, Disposition.STORED, signal, None, Evidence(CONTENT, (finding,)))


def files_hold(folder: Path, secret: bytes) -> list[str]:
    """Names of files below a folder whose raw bytes hold a secret."""
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and secret in path.read_bytes()]
