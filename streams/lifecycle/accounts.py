"""Accounts: setting what was agreed with a customer, version by version, on the compacted topic `accounts`.

- A version follows on the newest one. Of two records of one version the first in the log holds, for every reader.
  Who wrote the second finds that out by reading on to their own record, and does their change again on top, so that
  no change is lost. (Should they die before that, their void record is the account's last: the log's compaction would
  keep that one. Setting the account again puts it right.)
- Only an open account in mode `standard` carries a public key, which the vault makes. When the mode or the state
  changes away from that, the key leaves the record and nothing more can be stored. What is stored already stays
  sealed under the account's key until its day ends or the account is erased.
- An account is closed by its state, never by a tombstone: a forgotten account would get the default mode again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

from streams.codec.records import decode_account, encode_account
from streams.errors import ComplianceError, ConfigurationError, RecordError
from streams.kafka.reading import Placed, Publisher, Reader
from streams.kafka.topics import topic_name
from streams.model import Account, AccountState, StorageMode, replace
from streams.settings import Settings
from streams.vault.client import ControlClient

__all__ = [
    "AccountKeys",
    "AccountLog",
    "Change",
    "Entry",
    "KafkaAccountLog",
    "LateVault",
    "Registry",
    "Written",
    "open_registry",
    "refuse",
]

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ATTEMPTS = 5


@dataclass(frozen=True)
class Change:
    """What is to become of an account; None leaves a thing as it is.

    `application_modes` sets the named applications and leaves the others; None as a mode takes an application out.
    `uses` and `disclosures` replace what was there.
    """

    mode: StorageMode | None = None
    state: AccountState | None = None
    region: str | None = None
    application_modes: Mapping[str, StorageMode | None] | None = None
    uses: tuple[str, ...] | None = None
    disclosures: tuple[str, ...] | None = None
    reviewed: bool | None = None
    training_opt_in: bool | None = None
    enterprise: bool | None = None
    business_associate: bool | None = None
    application_class: str | None = None

    def mistakes(self) -> list[str]:
        """What is wrong with it, each naming its argument."""
        named = [
            *(("--use", use) for use in self.uses or ()),
            *(("--disclosure", one) for one in self.disclosures or ()),
            *(("--application-mode", name) for name in self.application_modes or {}),
        ]
        if self.region is not None:
            named.append(("--region", self.region))
        if self.application_class is not None:
            named.append(("--application-class", self.application_class))
        return [f"{argument}: {_not_an_id(value)}" for argument, value in named if not _ID.fullmatch(value)]


class Entry(NamedTuple):
    """One record of the topic: whose, where, and the account, or None when the record cannot be read."""

    name: str
    place: Placed
    account: Account | None


class AccountLog(Protocol):
    """The topic `accounts`."""

    def news(self) -> Iterable[Entry]:
        """Everything that came since the last call, the first time everything, in the order of each partition."""
        ...

    def publish(self, account: Account) -> Placed:
        """Write a version; returns once all in-sync replicas have it."""
        ...


class AccountKeys(Protocol):
    """What the vault does for accounts."""

    def open_account(self, account: str) -> tuple[str, bytes]:
        """The id and public half of the account's key, which is made if there is none."""
        ...


class Written(NamedTuple):
    """What a `set` did. `changed` is false when all was so already; `overtaken` when another set landed right after."""

    account: Account
    changed: bool
    overtaken: bool = False


class Registry:
    """The accounts as the topic tells them, and the way to change them. `clock` gives ms."""

    def __init__(self, log: AccountLog, keys: AccountKeys, clock: Callable[[], int] | None = None) -> None:
        self._log = log
        self._keys = keys
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._latest: dict[str, Account] = {}
        self._unreadable: dict[str, int] = {}  # unreadable records on top of an account's newest readable version

    def refresh(self) -> list[Entry]:
        """Read what is new, and return it."""
        news = list(self._log.news())
        for entry in news:
            if entry.account is None:
                self._unreadable[entry.name] = self._unreadable.get(entry.name, 0) + 1
                continue
            known = self._latest.get(entry.name)
            if known is None or entry.account.version > known.version:
                self._latest[entry.name] = entry.account
                self._unreadable.pop(entry.name, None)
        return news

    def get(self, name: str) -> Account | None:
        """The newest version of an account; None when nobody has set it. Raises when its record cannot be read."""
        self.refresh()
        if self._unreadable.get(name):
            raise ComplianceError(
                f"account {name}: its newest record cannot be read, so workers take it for unknown. "
                f"Set it again: streams accounts set {name} --mode …"
            )
        return self._latest.get(name)

    def all(self) -> list[Account]:
        """The newest version of every account, by name; those whose newest record cannot be read are left out."""
        self.refresh()
        return [account for name, account in sorted(self._latest.items()) if not self._unreadable.get(name)]

    @property
    def unreadable(self) -> list[str]:
        """Accounts whose newest record cannot be read: workers take them for unknown."""
        return sorted(self._unreadable)

    def set(self, name: str, change: Change) -> Written:
        """Change an account, or make it. A change that changes nothing writes no version."""
        refuse(name, change)
        self.refresh()
        changed = False
        for _ in range(ATTEMPTS):
            base = None if self._unreadable.get(name) else self._latest.get(name)
            if base is None and change.mode is None:
                raise ConfigurationError(f"--mode: account {name} is not known yet, so its storage mode must be named")
            target = self._amend(base or Account(name, region=change.region), change)
            if base is not None and _same(target, base):
                return Written(base, changed)
            mine = replace(target, version=self._next(name), updated_at=self._clock())
            placed = self._log.publish(mine)
            changed = True
            news = self._refresh_past(placed)
            if not any(_holds(entry, mine, placed) for entry in news):
                return Written(self._latest[name], True, overtaken=self._latest[name].version > mine.version)
        raise ComplianceError(
            f"account {name}: others changed it at the same time, {ATTEMPTS} times over; see what it is now with "
            f"streams accounts get {name}, and set it again"
        )

    def _refresh_past(self, placed: Placed) -> list[Entry]:
        """Read what is new until that is read which was just written: what others wrote before it is then read too."""
        news: list[Entry] = []
        for _ in range(ATTEMPTS):
            news += self.refresh()
            if any(one.partition == placed.partition and one.offset >= placed.offset for _, one, _ in news):
                return news
        raise ComplianceError(
            f"partition {placed.partition} of the topic of accounts: a record written at offset {placed.offset} cannot "
            "be read back, so it is not known whether another change came in between; set the account again"
        )

    def _next(self, name: str) -> int:
        known = self._latest.get(name)
        return (known.version if known else 0) + self._unreadable.get(name, 0) + 1

    def _amend(self, base: Account, change: Change) -> Account:
        given = {f.name: getattr(change, f.name) for f in fields(change) if getattr(change, f.name) is not None}
        named = given.pop("application_modes", None)
        if named is not None:
            modes = {**dict(base.application_modes), **named}
            given["application_modes"] = tuple(sorted((app, mode) for app, mode in modes.items() if mode is not None))
        for several in ("uses", "disclosures"):
            if several in given:
                given[several] = tuple(sorted(set(given[several])))
        amended = replace(base, **given)
        if amended.mode is not StorageMode.STANDARD or amended.state is not AccountState.OPEN:
            return replace(amended, key_id=None, public_key=None)
        if amended.key_id is None:
            key_id, public = self._keys.open_account(amended.account)
            return replace(amended, key_id=key_id, public_key=public)
        return amended


class KafkaAccountLog:
    """The topic `accounts` on Kafka. What it has read it does not read again."""

    def __init__(self, reader: Reader, publisher: Publisher, topic: str) -> None:
        self._reader = reader
        self._publisher = publisher
        self._topic = topic
        self._next: dict[tuple[str, int], int] = {}

    def news(self) -> Iterator[Entry]:
        """See `AccountLog`."""
        for record in self._reader.read([self._topic], since=self._next):
            self._next[record.topic, record.partition] = record.offset + 1
            name = (record.key or b"").decode("utf-8", "replace")
            place = Placed(record.partition, record.offset)
            if record.value is None:
                continue  # a tombstone: never ours, and workers pass over it as well
            try:
                yield Entry(name, place, decode_account(record.value))
            except RecordError:
                yield Entry(name, place, None)

    def publish(self, account: Account) -> Placed:
        """See `AccountLog`."""
        return self._publisher.publish(self._topic, [(account.account.encode(), encode_account(account))])[0]


class LateVault:
    """The vault, reached when a key is needed: a set that needs none works while the vault is down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open_account(self, account: str) -> tuple[str, bytes]:
        """See `AccountKeys`."""
        return ControlClient.of(self._settings).open_account(account)


@contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """The accounts of a deployment."""
    with Reader(settings.kafka) as reader, Publisher(settings.kafka) as publisher:
        topic = topic_name(settings.topics, "accounts")
        yield Registry(KafkaAccountLog(reader, publisher, topic), LateVault(settings))


def refuse(name: str, change: Change) -> None:
    """Raise `ConfigurationError` with everything that is wrong in an account's name and a change."""
    mistakes = change.mistakes()
    if not _ID.fullmatch(name):
        mistakes.insert(0, f"ACCOUNT: {_not_an_id(name)}")
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def _not_an_id(value: str) -> str:
    return f"{value[:40]!r} is no id: use 1 to 128 of A–Z a–z 0–9 . _ : -"


def _same(one: Account, other: Account) -> bool:
    return replace(one, version=0, updated_at=0) == replace(other, version=0, updated_at=0)


def _holds(entry: Entry, mine: Account, placed: Placed) -> bool:
    """Whether another's record makes ours void: one of this account and version (or a later one) that came first."""
    theirs = entry.account
    if theirs is None or theirs.account != mine.account or theirs.version < mine.version:
        return False
    return entry.place.partition == placed.partition and entry.place.offset < placed.offset
