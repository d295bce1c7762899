"""What a client knows from the topics `accounts` and `keys`: storage modes and public transit keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from threading import RLock

from streams.client.report import Reason
from streams.codec.records import decode_account, decode_key
from streams.errors import ComplianceError, RecordError
from streams.model import Account, Accounts, StorageMode
from streams.vault.keyring import PublicKeys

__all__ = ["FOLLOWED", "Following", "needed_of"]

FOLLOWED = ("accounts", "keys")
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}").fullmatch
Report = Callable[[Reason, ComplianceError], None]


class Following:
    """Storage modes and keys, as last read. Until both topics were read to their end nothing may be sent.

    Holds of each account only what decides where its events go. An account whose record cannot be read counts as
    `edge`: what a newer release says of it may be that its content must not leave.
    """

    def __init__(self, keys: PublicKeys, only: Iterable[str] | None, max_accounts: int, report: Report) -> None:
        self.keys = keys
        self.only = None if only is None else frozenset(only)
        self._only_keys = None if self.only is None else frozenset(name.encode() for name in self.only)
        self.unremembered = 0
        self._accounts = Accounts(default=StorageMode.NO_STORAGE)
        self._max_accounts = max_accounts
        self._report = report
        self._lock = RLock()
        self._fresh: float | None = None
        self._was_read = False

    @property
    def was_read(self) -> bool:
        """Whether both topics were read to their end at least once."""
        return self._was_read

    def fresh(self, now: float, age: float) -> bool:
        """Whether both topics were known to be read to their end within the last `age` seconds."""
        return self._fresh is not None and now - self._fresh <= age

    def caught_up(self, now: float) -> None:
        """Both topics are read to their end, as of `now`."""
        self._was_read = True
        self._fresh = now

    def follows(self, account: str) -> bool:
        """Whether this client learns the storage mode of an account."""
        return self.only is None or account in self.only

    def __len__(self) -> int:
        return len(self._accounts)

    def account(self, name: str) -> Account | None:
        """What is known of an account."""
        with self._lock:
            return self._accounts.get(name)

    def mode(self, account: str, application: str | None, storage: StorageMode | None) -> StorageMode:
        """The most protective of the account's, its application's and the event's mode; unknown is `no_storage`."""
        with self._lock:
            return self._accounts.facts(account, application, storage).mode

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take one record of `accounts` or `keys`. One that cannot be read is reported, never raised."""
        if value is None and topic == "keys" and key is not None:
            self.keys.drop(key.decode("utf-8", "replace"))
        if value is None or (topic == "accounts" and self._only_keys is not None and key not in self._only_keys):
            return
        try:
            if topic == "keys":
                self.keys.put(decode_key(value))
            else:
                self.put(needed_of(decode_account(value)))
        except RecordError as error:
            if topic == "accounts" and key is not None and _ID(key):
                self._protect(key.decode("ascii"))
            self._report(Reason.UNREADABLE, error)

    def put(self, account: Account) -> None:
        """Take what is needed of an account, within the bound."""
        if not self.follows(account.account):
            return
        with self._lock:
            known = account.account in self._accounts
            if not known and len(self._accounts) >= self._max_accounts and not _may_be_edge(account):
                self.unremembered += 1
                return
            self._accounts.put(account)

    def _protect(self, name: str) -> None:
        with self._lock:
            known = self._accounts.get(name)
            self._accounts.forget(name)
            self.put(Account(account=name, version=known.version if known else 0, mode=StorageMode.EDGE))


def needed_of(account: Account) -> Account:
    """The part of an account that decides where its events go."""
    return Account(
        account=account.account,
        version=account.version,
        state=account.state,
        mode=account.mode,
        application_modes=account.application_modes,
    )


def _may_be_edge(account: Account) -> bool:
    modes = [account.mode, *(mode for _, mode in account.application_modes)]
    return StorageMode.EDGE in modes
