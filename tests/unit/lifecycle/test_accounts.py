"""Setting accounts: versions, keys, and two setters at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from streams.errors import ComplianceError, ConfigurationError, VaultUnavailable
from streams.kafka.reading import Placed
from streams.lifecycle.accounts import ATTEMPTS, Change, Entry, Registry
from streams.model import Account, Accounts, AccountState, StorageMode

T = TypeVar("T")
STANDARD, NO_STORAGE, EDGE = StorageMode.STANDARD, StorageMode.NO_STORAGE, StorageMode.EDGE


class Topic:
    """One partition of `accounts`. `between` runs right before the next record is written: another setter."""

    def __init__(self) -> None:
        self.records: list[Entry] = []
        self.between: list[Callable[[], None]] = []

    def write(self, name: str, account: Account | None) -> Placed:
        place = Placed(0, len(self.records))
        self.records.append(Entry(name, place, account))
        return place

    @property
    def versions(self) -> list[int]:
        return [entry.account.version for entry in self.records if entry.account]

    def as_workers_see_it(self) -> Accounts:
        accounts = Accounts()
        for entry in self.records:
            if entry.account is not None:
                accounts.put(entry.account)
        return accounts


class FakeLog:
    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.read = 0
        self.hidden = 0  # reads that still end before what was written last

    def news(self) -> Iterable[Entry]:
        end = len(self.topic.records)
        if self.hidden and end:
            self.hidden, end = self.hidden - 1, max(self.read, end - 2)
        news, self.read = self.topic.records[self.read : end], end
        return news

    def publish(self, account: Account) -> Placed:
        if self.topic.between:
            self.topic.between.pop(0)()
        return self.topic.write(account.account, account)


class Turns:
    """Lets setters in threads touch the topic in a given order only; who has no turn left goes when all are used."""

    def __init__(self, order: Iterable[str]) -> None:
        self.order = list(order)
        self.changed = threading.Condition()

    def take(self, who: str, act: Callable[[], T]) -> T:
        with self.changed:
            assert self.changed.wait_for(lambda: who not in self.order or self.order[0] == who, timeout=10)
            done = act()
            if who in self.order:
                self.order.pop(0)
            self.changed.notify_all()
            return done

    def leave(self, who: str) -> None:
        with self.changed:
            self.order = [one for one in self.order if one != who]
            self.changed.notify_all()


class TurnLog(FakeLog):
    def __init__(self, topic: Topic, turns: Turns, who: str) -> None:
        super().__init__(topic)
        self.turns, self.who = turns, who

    def news(self) -> Iterable[Entry]:
        return self.turns.take(self.who, super().news)

    def publish(self, account: Account) -> Placed:
        return self.turns.take(self.who, lambda: FakeLog.publish(self, account))


class FakeKeys:
    def __init__(self) -> None:
        self.opened: list[str] = []
        self.down = False

    def open_account(self, account: str) -> tuple[str, bytes]:
        if self.down:
            raise VaultUnavailable("the vault does not answer")
        self.opened.append(account)
        return f"a.{account}", bytes(32)


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def registry(topic: Topic, keys: FakeKeys) -> Registry:
    return Registry(FakeLog(topic), keys, clock=lambda: 1_700_000_000_000)


def test_a_new_standard_account_gets_a_key_from_the_vault(registry: Registry) -> None:
    written = registry.set("acme", Change(mode=STANDARD, region="us", uses=("legal", "legal", "coding")))
    assert written.changed
    assert written.account.version == 1
    assert (written.account.key_id, written.account.public_key) == ("a.acme", bytes(32))
    assert written.account.uses == ("coding", "legal")
    assert written.account.updated_at == 1_700_000_000_000


@pytest.mark.parametrize("mode", [NO_STORAGE, EDGE])
def test_an_account_that_must_not_be_stored_gets_no_key(mode: StorageMode, registry: Registry, keys: FakeKeys) -> None:
    assert registry.set("acme", Change(mode=mode)).account.public_key is None
    assert keys.opened == []


def test_away_from_standard_the_key_leaves_the_record_and_back_it_comes_again(registry: Registry) -> None:
    registry.set("acme", Change(mode=STANDARD))
    away = registry.set("acme", Change(mode=NO_STORAGE)).account
    assert (away.version, away.key_id, away.public_key) == (2, None, None)
    back = registry.set("acme", Change(mode=STANDARD)).account
    assert (back.version, back.key_id) == (3, "a.acme")


def test_closing_is_a_state_without_a_key_and_never_a_tombstone(registry: Registry, topic: Topic) -> None:
    registry.set("acme", Change(mode=STANDARD))
    closed = registry.set("acme", Change(state=AccountState.CLOSED)).account
    assert (closed.state, closed.mode, closed.key_id) == (AccountState.CLOSED, STANDARD, None)
    assert all(entry.account is not None for entry in topic.records)
    assert registry.set("acme", Change(state=AccountState.OPEN)).account.key_id == "a.acme"


def test_what_is_not_named_stays(registry: Registry) -> None:
    registry.set("acme", Change(mode=NO_STORAGE, uses=("legal",), reviewed=True, enterprise=True))
    changed = registry.set("acme", Change(training_opt_in=True)).account
    assert (changed.uses, changed.reviewed, changed.enterprise, changed.mode) == (("legal",), True, True, NO_STORAGE)


def test_modes_of_applications_are_set_and_taken_out_one_by_one(registry: Registry) -> None:
    registry.set("acme", Change(mode=STANDARD, application_modes={"clinic": NO_STORAGE, "bot": EDGE}))
    changed = registry.set("acme", Change(application_modes={"bot": None, "app": STANDARD})).account
    assert changed.application_modes == (("app", STANDARD), ("clinic", NO_STORAGE))


def test_setting_what_is_so_already_writes_nothing(registry: Registry, topic: Topic) -> None:
    registry.set("acme", Change(mode=STANDARD, uses=("b", "a")))
    again = registry.set("acme", Change(mode=STANDARD, uses=("a", "b")))
    assert not again.changed
    assert topic.versions == [1]


def test_a_new_account_needs_a_mode(registry: Registry) -> None:
    with pytest.raises(ConfigurationError, match=r"^--mode: account acme is not known yet"):
        registry.set("acme", Change(enterprise=True))


def test_every_mistake_names_its_argument(registry: Registry, topic: Topic) -> None:
    change = Change(
        mode=STANDARD,
        uses=("a b",),
        disclosures=("",),
        region="\n",
        application_modes={"é": EDGE},
        application_class="x y",
    )
    with pytest.raises(ConfigurationError) as caught:
        registry.set("a@b", change)
    named = [line.split(":")[0] for line in str(caught.value).splitlines()]
    arguments = ["ACCOUNT", "--use", "--disclosure", "--application-mode", "--region", "--application-class"]
    assert named == arguments
    assert topic.records == []


def test_without_the_vault_no_version_is_written_that_needs_it(
    registry: Registry, topic: Topic, keys: FakeKeys
) -> None:
    keys.down = True
    with pytest.raises(VaultUnavailable):
        registry.set("acme", Change(mode=STANDARD))
    assert topic.records == []
    assert registry.set("acme", Change(mode=NO_STORAGE)).changed


def test_two_setters_at_once_lose_neither_change(registry: Registry, topic: Topic, keys: FakeKeys) -> None:
    registry.set("acme", Change(mode=STANDARD))
    other = Registry(FakeLog(topic), keys, clock=lambda: 0)
    topic.between.append(lambda: _ignore(other.set("acme", Change(mode=NO_STORAGE))))
    written = registry.set("acme", Change(enterprise=True))
    assert (written.account.mode, written.account.enterprise, written.account.key_id) == (NO_STORAGE, True, None)
    assert topic.versions == [1, 2, 2, 3]
    assert topic.as_workers_see_it()["acme"] == written.account


def test_two_setters_of_the_same_change_agree(registry: Registry, topic: Topic, keys: FakeKeys) -> None:
    registry.set("acme", Change(mode=STANDARD))
    other = Registry(FakeLog(topic), keys, clock=lambda: 0)
    topic.between.append(lambda: _ignore(other.set("acme", Change(mode=NO_STORAGE))))
    assert registry.set("acme", Change(mode=NO_STORAGE)).account.mode is NO_STORAGE
    assert topic.as_workers_see_it()["acme"].mode is NO_STORAGE


def test_three_setters_lose_no_change_in_whatever_order_they_read_and_write() -> None:
    changes = {"a": Change(enterprise=True), "b": Change(reviewed=True), "c": Change(training_opt_in=True)}
    chance = random.Random(3)
    for order in (chance.sample("aaaaabbbbbccccc", 15) for _ in range(200)):
        topic, turns = Topic(), Turns(order)
        topic.write("acme", Account("acme", version=1, mode=EDGE))
        setters = {who: Registry(TurnLog(topic, turns, who), FakeKeys(), clock=lambda: 0) for who in changes}

        def run(who: str, setters: dict[str, Registry] = setters, turns: Turns = turns) -> None:
            try:
                setters[who].set("acme", changes[who])
            finally:
                turns.leave(who)

        threads = [threading.Thread(target=run, args=(who,)) for who in changes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        acme = topic.as_workers_see_it()["acme"]
        assert (acme.enterprise, acme.reviewed, acme.training_opt_in) == (True, True, True), order


@pytest.mark.parametrize("hidden", [1, 3])
def test_a_broker_that_shows_what_was_written_late_hides_no_other_setter(
    registry: Registry, topic: Topic, keys: FakeKeys, hidden: int
) -> None:
    registry.set("acme", Change(mode=STANDARD))
    log = FakeLog(topic)
    mine = Registry(log, keys, clock=lambda: 0)
    mine.refresh()

    def another() -> None:
        registry.set("acme", Change(enterprise=True))
        log.hidden = hidden

    topic.between.append(another)
    mine.set("acme", Change(reviewed=True))
    acme = topic.as_workers_see_it()["acme"]
    assert (acme.enterprise, acme.reviewed) == (True, True)


def test_a_record_that_never_shows_is_an_error_and_no_success(topic: Topic, keys: FakeKeys) -> None:
    log = FakeLog(topic)
    log.hidden = ATTEMPTS + 2
    with pytest.raises(ComplianceError, match="cannot be read back"):
        Registry(log, keys, clock=lambda: 0).set("acme", Change(mode=EDGE))


def test_a_setter_that_is_overtaken_right_after_is_told(registry: Registry, topic: Topic) -> None:
    log = FakeLog(topic)
    publish = log.publish

    def and_another(account: Account) -> Placed:
        place = publish(account)
        topic.write("acme", Account("acme", version=2, mode=EDGE))
        return place

    log.publish = and_another  # type: ignore[method-assign]
    written = Registry(log, FakeKeys(), clock=lambda: 0).set("acme", Change(mode=NO_STORAGE))
    assert written.overtaken
    assert written.account.mode is EDGE


def test_a_race_that_does_not_end_is_given_up_with_a_message(registry: Registry, topic: Topic) -> None:
    registry.set("acme", Change(mode=STANDARD))
    for number in range(ATTEMPTS):
        version = number + 2
        topic.between.append(
            lambda version=version: _ignore(  # type: ignore[misc]
                topic.write("acme", Account("acme", version=version, uses=(f"use-{version}",)))
            )
        )
    with pytest.raises(ComplianceError, match="at the same time, 5 times over"):
        registry.set("acme", Change(enterprise=True))


def test_an_account_whose_record_cannot_be_read_is_said_and_set_anew(registry: Registry, topic: Topic) -> None:
    registry.set("acme", Change(mode=STANDARD))
    topic.write("acme", None)
    with pytest.raises(ComplianceError, match="cannot be read"):
        registry.get("acme")
    assert registry.unreadable == ["acme"]
    assert registry.all() == []
    with pytest.raises(ConfigurationError, match="--mode"):
        registry.set("acme", Change(enterprise=True))
    anew = registry.set("acme", Change(mode=NO_STORAGE)).account
    assert anew.version == 3
    assert registry.get("acme") == anew


def test_get_and_list_show_the_newest_version(registry: Registry) -> None:
    assert registry.get("nobody") is None
    registry.set("b", Change(mode=EDGE))
    registry.set("a", Change(mode=EDGE))
    registry.set("b", Change(mode=NO_STORAGE))
    assert [(one.account, one.version) for one in registry.all()] == [("a", 1), ("b", 2)]


def _ignore(result: object) -> None:
    """A result that nobody looks at."""
