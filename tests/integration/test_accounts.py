"""Accounts on the embedded broker, with keys from a real vault."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streams.codec.records import decode_account
from streams.errors import VaultUnavailable
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.accounts import Change, Written, open_registry
from streams.model import Account, Accounts, AccountState, StorageMode
from streams.settings import Settings
from tests.integration.deployment import deploy, vault

pytestmark = pytest.mark.broker


def as_workers_see_them(settings: Settings) -> tuple[Accounts, list[Account]]:
    with Reader(settings.kafka) as reader:
        written = [decode_account(r.value or b"") for r in reader.read([topic_name(settings.topics, "accounts")])]
    accounts = Accounts()
    for account in written:
        accounts.put(account)
    return accounts, written


def test_a_life_of_an_account(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with vault(settings) as control, open_registry(settings) as registry:
        opened = registry.set("acme", Change(mode=StorageMode.STANDARD, uses=("legal",))).account
        assert (opened.key_id, opened.public_key) == control.open_account("acme")
        assert not registry.set("acme", Change(mode=StorageMode.STANDARD)).changed
        assert registry.set("acme", Change(mode=StorageMode.NO_STORAGE)).account.public_key is None
        closed = registry.set("acme", Change(mode=StorageMode.STANDARD, state=AccountState.CLOSED)).account
        assert closed.public_key is None
        again = registry.set("acme", Change(state=AccountState.OPEN)).account
        assert again.key_id == opened.key_id
        seen, written = as_workers_see_them(settings)
        assert seen["acme"] == registry.get("acme") == again
        assert [one.version for one in written] == [1, 2, 3, 4]


def test_without_a_vault_only_what_needs_a_key_fails(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with open_registry(settings) as registry:
        with pytest.raises(VaultUnavailable, match="streams vault serve"):
            registry.set("acme", Change(mode=StorageMode.STANDARD))
        assert registry.set("acme", Change(mode=StorageMode.EDGE)).account.version == 1


def test_setters_at_the_same_time_lose_no_change(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with open_registry(settings) as registry:
        registry.set("acme", Change(mode=StorageMode.NO_STORAGE))
    start = threading.Barrier(3)
    changes = [Change(enterprise=True), Change(training_opt_in=True), Change(business_associate=True)]
    done: list[Written] = []

    def run(change: Change) -> None:
        with open_registry(settings) as mine:
            mine.refresh()
            start.wait(timeout=30)
            done.append(mine.set("acme", change))

    threads = [threading.Thread(target=run, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(done) == 3
    seen, _ = as_workers_see_them(settings)
    acme = seen["acme"]
    assert (acme.enterprise, acme.training_opt_in, acme.business_associate) == (True, True, True)
