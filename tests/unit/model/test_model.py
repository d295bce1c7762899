"""The words of the project hold what they promise: content shows lengths only, ids tell sources apart."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.model import (
    LABELS,
    Account,
    Accounts,
    Content,
    Disposition,
    Evidence,
    Finding,
    Message,
    Role,
    Run,
    Source,
    Span,
    StorageMode,
    fold,
    record_key,
    runs,
    violation_id,
)

SECRET = "a secret sentence"
CONTENT = Content((Message(Role.USER, SECRET),), {"note": SECRET})


@pytest.mark.parametrize("thing", [CONTENT, CONTENT.messages[0], Evidence(CONTENT, ())])
def test_content_shows_its_length_and_refuses_to_be_serialised(thing: object) -> None:
    assert SECRET not in repr(thing) + str(thing) + f"{thing}"
    with pytest.raises(TypeError):
        pickle.dumps(thing)
    with pytest.raises(TypeError):
        copy.deepcopy(thing)


def test_labels_fit_a_byte_each_and_are_unique() -> None:
    assert len(set(LABELS)) == len(LABELS) <= 128


def test_a_finding_shows_no_text() -> None:
    assert SECRET not in repr(Finding(0, 90, (Span(0, 0, 3),), "words/1", "clue"))


@given(st.tuples(*[st.integers(0, 3)] * 4), st.tuples(*[st.integers(0, 3)] * 4))
def test_two_sources_never_share_a_violation_id(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    ids = [violation_id(Source(f"c{a}", f"t{b}", c, d, 7), "p", "r") for a, b, c, d in (one, two)]
    assert (ids[0] == ids[1]) == (one == two)


@given(st.lists(st.sampled_from(list(Disposition)), max_size=40), st.integers(0, 1000))
def test_runs_cover_each_offset_once_with_its_disposition(ended: list[Disposition], first: int) -> None:
    offsets = list(enumerate(ended, first))
    spread = [(offset, run.disposition) for run in runs(offsets) for offset in range(run.first, run.last + 1)]
    assert spread == offsets
    assert fold(reversed([Run(o, o, d) for o, d in offsets])) == runs(offsets)


def test_an_older_version_of_an_account_is_ignored() -> None:
    accounts = Accounts()
    assert accounts.put(Account("acme", version=2, mode=StorageMode.NO_STORAGE))
    assert not accounts.put(Account("acme", version=1, mode=StorageMode.STANDARD))
    assert accounts.facts("acme", None, None).mode is StorageMode.NO_STORAGE


def test_a_change_of_an_account_is_seen_by_the_next_event() -> None:
    accounts = Accounts({"acme": Account("acme", version=1)})
    assert accounts.facts("acme", None, None).mode is StorageMode.STANDARD
    accounts.put(Account("acme", version=2, mode=StorageMode.EDGE))
    assert accounts.facts("acme", None, None) == accounts.facts("acme", "any", StorageMode.STANDARD)
    assert accounts.facts("acme", None, None).mode is StorageMode.EDGE
    accounts.forget("acme")
    assert not accounts.facts("acme", None, None).known


@given(st.builds(Account, version=st.integers(0, 2**62), updated_at=st.integers(0, 2**62)))
def test_an_account_comes_back_as_it_was_put_in(account: Account) -> None:
    accounts = Accounts()
    accounts.put(account)
    assert accounts.find(account.account) == accounts[account.account] == account
    assert list(accounts) == [account.account]


def test_every_one_of_more_accounts_than_are_at_hand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.model.account.AT_HAND", 4)
    accounts = Accounts({f"a{i}": Account(f"a{i}", version=i) for i in range(10)})
    assert [accounts[f"a{i}"].version for i in range(10)] == list(range(10))
    assert (len(accounts), accounts.find("other")) == (10, None)
    with pytest.raises(KeyError):
        accounts["other"]


def test_a_conversation_keeps_its_key() -> None:
    assert record_key("acme", "c1") == record_key("acme", "c1")
    assert record_key("acme", None) == b"acme#0"
