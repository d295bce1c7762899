"""`process` gives one outcome for each input, keeps content of nobody who may not be stored, and never raises."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Code
from streams.model import (
    NO_SCORES,
    Account,
    Accounts,
    AccountState,
    Content,
    Decision,
    Disposition,
    Event,
    Facts,
    Kind,
    Message,
    Metadata,
    Rejected,
    Role,
    Shape,
    Signal,
    Source,
    StorageMode,
)
from streams.pipeline import Detection, Rules, process

KEY = b"k" * 32


class Lengths:
    """A detector that finds nothing and tells the length."""

    digest = "lengths/1"

    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        return [Detection(NO_SCORES, (), (), Shape(len(c), len(c.messages))) for c in contents]


class Clean:
    """A policy that minds nothing."""

    def decide(self, signals: Sequence[Signal]) -> list[Decision]:
        return [Decision("digest", "2023-03-17") for _ in signals]


def rules(*accounts: Account, default: StorageMode = StorageMode.NO_STORAGE) -> Rules:
    return Rules(Lengths(), Clean(), Accounts({a.account: a for a in accounts}, default), region="us")


def standard(name: str = "acme") -> Account:
    return Account(name, version=3, key_id="a1", public_key=KEY)


def event(
    account: str = "acme",
    topic: str = "compliance.intake",
    offset: int = 0,
    kind: Kind = Kind.PROMPT,
    storage: StorageMode | None = None,
    application: str | None = None,
    region: str | None = None,
) -> Event:
    meta = Metadata("e1", account, kind, storage=storage, application=application, region=region)
    return Event(Source("local", topic, 0, offset, 1_700_000_000_000), meta, Content((Message(Role.USER, "hello"),)))


def test_the_content_of_a_standard_account_is_kept() -> None:
    [outcome] = process([event()], rules(standard()))
    assert outcome.disposition is Disposition.STORED
    assert outcome.keep is not None
    assert outcome.keep.content == event().content
    assert outcome.signal is not None
    assert outcome.signal.facts.version == 3


@pytest.mark.parametrize("mode", [StorageMode.NO_STORAGE, StorageMode.EDGE])
def test_nothing_of_a_protected_account_is_kept_even_if_it_had_a_key(mode: StorageMode) -> None:
    [outcome] = process([event()], rules(Account("acme", mode=mode, public_key=KEY, key_id="a1")))
    assert (outcome.disposition, outcome.keep) == (Disposition.NOT_STORED, None)


def test_an_unknown_account_gets_the_default_and_is_never_kept_for_want_of_a_key() -> None:
    for default in StorageMode:
        [outcome] = process([event("stranger")], rules(default=default))
        wanted = default is StorageMode.STANDARD  # it should be stored and cannot be: refused, by name
        assert outcome.disposition is (Disposition.REFUSED if wanted else Disposition.NOT_STORED)
        assert (outcome.code, outcome.keep) == (Code.KEY_UNKNOWN if wanted else None, None)
        assert outcome.signal is not None
        assert outcome.signal.facts == Facts(version=0, mode=default, known=False)


@pytest.mark.parametrize("where", ["account", "application", "event"])
def test_the_most_protective_mode_wins_wherever_it_is_set(where: str) -> None:
    account = Account(
        "acme",
        mode=StorageMode.NO_STORAGE if where == "account" else StorageMode.STANDARD,
        application_modes=(("app", StorageMode.NO_STORAGE),) if where == "application" else (),
        public_key=KEY,
        key_id="a1",
    )
    storage = StorageMode.NO_STORAGE if where == "event" else StorageMode.STANDARD
    [outcome] = process([event(storage=storage, application="app")], rules(account))
    assert outcome.keep is None
    assert outcome.signal is not None
    assert outcome.signal.facts.mode is StorageMode.NO_STORAGE


def test_content_of_a_protected_account_in_the_clear_is_a_breach_and_is_still_judged() -> None:
    [outcome] = process([event(topic="compliance.intake.plain")], rules(Account("acme", mode=StorageMode.NO_STORAGE)))
    assert outcome.code is Code.PLAIN_BREACH
    assert outcome.disposition is Disposition.NOT_STORED
    assert outcome.decision is not None


@pytest.mark.parametrize(
    ("account", "item", "code"),
    [
        (Account("acme", state=AccountState.CLOSED), event(), Code.ACCOUNT_CLOSED),
        (Account("acme", region="eu"), event(), Code.REGION_MISMATCH),
        (Account("acme"), event(region="eu"), Code.REGION_MISMATCH),
        (Account("acme", application_class="consumer_service"), event(), Code.APPLICATION_CLASS),
        (Account("acme"), event(kind=Kind.FILE), Code.KIND_UNSUPPORTED),
    ],
)
def test_what_is_turned_away_says_why_and_is_not_judged(account: Account, item: Event, code: Code) -> None:
    [outcome] = process([item], rules(account))
    assert (outcome.disposition, outcome.code) == (Disposition.REFUSED, code)
    assert outcome.signal is None
    assert outcome.keep is None


def test_a_signal_is_judged_by_our_facts_not_by_its_producers() -> None:
    told = Facts(version=99, mode=StorageMode.STANDARD)
    signal = Signal(event().source, event().meta, told, NO_SCORES, (), Shape(5, 1), "lengths/1")
    [outcome] = process([signal], rules(Account("acme", version=4, mode=StorageMode.EDGE)))
    assert outcome.signal is not None
    assert (outcome.signal.facts.version, outcome.signal.facts.mode) == (4, StorageMode.EDGE)
    assert (outcome.disposition, outcome.keep) == (Disposition.NOT_STORED, None)


@given(st.lists(st.sampled_from(["event", "rejected", "closed", "signal"]), max_size=30))
def test_one_outcome_for_each_input_in_order(kinds: list[str]) -> None:
    made: list[Event | Signal | Rejected] = []
    for offset, kind in enumerate(kinds):
        item = event("closed" if kind == "closed" else "acme", offset=offset)
        if kind == "rejected":
            made.append(Rejected(item.source, Code.EMPTY, Disposition.DEAD_LETTER, 0, "none"))
        elif kind == "signal":
            made.append(Signal(item.source, item.meta, Facts(0, StorageMode.EDGE), NO_SCORES, (), Shape(0, 0), "x"))
        else:
            made.append(item)
    outcomes = process(made, rules(standard(), Account("closed", state=AccountState.CLOSED)))
    assert [outcome.source.offset for outcome in outcomes] == list(range(len(kinds)))
    for kind, outcome in zip(kinds, outcomes, strict=True):
        assert (outcome.rejected is not None) == (kind == "rejected")
        assert (outcome.keep is not None) == (kind == "event")
