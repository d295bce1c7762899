"""Accounts: customers, and what was agreed with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import get_type_hints

import msgspec
from msgspec.structs import astuple

from streams.model.event import StorageMode
from streams.model.remembered import Bounded

__all__ = ["Account", "AccountState", "Accounts", "Facts"]


class AccountState(StrEnum):
    """Whether an account may send."""

    OPEN = "open"
    CLOSED = "closed"


class Account(msgspec.Struct, frozen=True, gc=False):
    """A customer. `version` grows by one with each change and is recorded in every signal.

    Only an open account in mode `standard` has a public key; without one nothing can be stored of it.
    """

    account: str
    version: int = 0
    state: AccountState = AccountState.OPEN
    mode: StorageMode = StorageMode.STANDARD
    region: str | None = None
    application_modes: tuple[tuple[str, StorageMode], ...] = ()
    uses: tuple[str, ...] = ()
    disclosures: tuple[str, ...] = ()
    reviewed: bool | None = None
    training_opt_in: bool = False
    enterprise: bool = False
    business_associate: bool = False  # a signed business associate agreement (HIPAA)
    application_class: str = "api"  # `consumer_service` falls under another data policy
    key_id: str | None = None
    public_key: bytes | None = None  # X25519, 32 bytes
    updated_at: int = 0  # ms


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The account facts behind a decision; travels in the signal. `known` is false for the configured default."""

    version: int
    mode: StorageMode
    known: bool = True
    region: str | None = None
    uses: tuple[str, ...] = ()
    disclosures: tuple[str, ...] = ()
    reviewed: bool | None = None
    enterprise: bool = False
    business_associate: bool = False


_FIELDS = get_type_hints(Account)
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[*list(_FIELDS.values())[1:]]).decode  # type: ignore[misc]  # made from a list
AT_HAND = 16_384


class Accounts(Mapping[str, Account]):
    """The accounts by id. Changed between batches only (`put`), so a batch sees one snapshot.

    A million of them are held, so they are held packed, in about 250 bytes each; a bounded number is at hand as well.
    `default` is the mode of an account that nobody has set: the most protective that a deployment can live with.
    """

    def __init__(self, accounts: Mapping[str, Account] | None = None, default: StorageMode = StorageMode.NO_STORAGE):
        self._packed: dict[str, bytes] = {}
        self._at_hand: Bounded[str, Account] = Bounded(AT_HAND)
        self._facts: Bounded[tuple[str, str | None, StorageMode | None], Facts] = Bounded()
        self.default = default
        for account in (accounts or {}).values():
            self.put(account)

    def __getitem__(self, account: str) -> Account:
        found = self.find(account)
        if found is None:
            raise KeyError(account)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def find(self, account: str) -> Account | None:
        """The account of this name, if it is known. It is asked for several times an event, and `get` is slow.

        Like `put` it changes what is at hand: threads need a lock around both.
        """
        found = self._at_hand.get(account)
        if found is None and (packed := self._packed.get(account)) is not None:
            found = self._at_hand.keep(account, Account(account, *_unpack(packed)))
        return found

    def put(self, account: Account) -> bool:
        """Take a newer version of an account. True when it was taken.

        Of two records of one version the first holds, for every reader: who wrote the other one writes anew.
        """
        known = self.find(account.account)
        if known is not None and known.version >= account.version:
            return False
        self._packed[account.account] = _pack(astuple(account)[1:])
        self._at_hand.pop(account.account, None)
        self._facts.clear()
        return True

    def forget(self, account: str) -> None:
        """Treat an account as unknown: it gets the default mode, and without a key nothing can be stored of it."""
        if self._packed.pop(account, None) is not None:
            self._at_hand.pop(account, None)
            self._facts.clear()

    def facts(self, account: str, application: str | None, event_mode: StorageMode | None) -> Facts:
        """The facts for one event: the most protective of the account's, its application's and the event's mode."""
        key = (account, application, event_mode)
        found = self._facts.get(key)
        if found is None:
            found = self._facts.keep(key, self._make_facts(account, application, event_mode))
        return found

    def _make_facts(self, account: str, application: str | None, event_mode: StorageMode | None) -> Facts:
        known = self.find(account)
        modes = [known.mode if known else self.default]
        if event_mode is not None:
            modes.append(event_mode)
        if known is not None and application is not None:
            modes += [mode for name, mode in known.application_modes if name == application]
        mode = max(modes, key=lambda m: m.rank)
        if known is None:
            return Facts(version=0, mode=mode, known=False)
        return Facts(
            version=known.version,
            mode=mode,
            region=known.region,
            uses=known.uses,
            disclosures=known.disclosures,
            reviewed=known.reviewed,
            enterprise=known.enterprise,
            business_associate=known.business_associate,
        )
