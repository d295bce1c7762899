"""`streams accounts …` on a registry without Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import cli
from streams.lifecycle import accounts
from streams.lifecycle.accounts import Registry
from streams.model import Account
from streams.settings import Settings
from tests.unit.lifecycle.test_accounts import FakeKeys, FakeLog, Topic


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()

    @contextmanager
    def registry(settings: Settings) -> Iterator[Registry]:
        yield Registry(FakeLog(topic), FakeKeys(), clock=lambda: 1_700_000_000_000)

    monkeypatch.setattr(accounts, "open_registry", registry)
    return topic


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["accounts", *words], standalone_mode=False)


def shown(result: Result) -> Any:
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_set_tells_what_will_happen_to_content(topic: Topic) -> None:
    assert "content is stored, sealed" in run("set", "acme", "--mode", "standard").output
    assert "no content is stored" in run("set", "acme", "--mode", "no_storage").output
    assert "nothing was written" in run("set", "acme", "--mode", "no_storage").output
    assert topic.versions == [1, 2]


def test_set_takes_every_option(topic: Topic) -> None:
    data = shown(
        run(
            *("set", "acme", "--mode", "standard", "--application-mode", "clinic=no_storage", "--use", "legal"),
            *("--disclosure", "ai", "--reviewed", "--region", "us", "--training-opt-in", "--enterprise"),
            *("--business-associate", "--application-class", "consumer_service", "--open", "--json"),
        )
    )
    assert data["application_modes"] == [["clinic", "no_storage"]]
    assert (data["uses"], data["disclosures"], data["reviewed"]) == (["legal"], ["ai"], True)
    assert (data["training_opt_in"], data["enterprise"], data["business_associate"]) == (True, True, True)
    assert (data["region"], data["application_class"], data["state"]) == ("us", "consumer_service", "open")
    assert data["public_key"] == {"bytes": 32}
    cleared = shown(
        run(*("set", "acme", "--no-uses", "--no-disclosures", "--not-reviewed", "--close", "--json"),
            *("--application-mode", "clinic=inherit"))
    )  # fmt: skip
    assert (cleared["uses"], cleared["disclosures"], cleared["application_modes"]) == ([], [], [])
    assert (cleared["reviewed"], cleared["state"], cleared["key_id"]) == (False, "closed", None)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("set", "acme"), "--mode"),
        (("set", "a@b", "--mode", "edge"), "ACCOUNT"),
        (("set", "acme", "--mode", "edge", "--use", "a b"), "--use"),
        (("set", "acme", "--mode", "edge", "--application-mode", "clinic"), "--application-mode"),
        (("set", "acme", "--mode", "edge", "--use", "x", "--no-uses"), "--no-uses"),
        (("set", "acme", "--mode", "all"), "--mode"),
    ],
)
def test_a_mistake_names_its_argument_and_ends_with_2(words: tuple[str, ...], named: str, topic: Topic) -> None:
    result = run(*words)
    assert result.exception is not None
    assert getattr(result.exception, "exit_code", None) == 2
    message = getattr(result.exception, "format_message", result.exception.__str__)()
    assert named in message
    assert topic.records == []


def test_another_region_is_warned_of(topic: Topic) -> None:
    assert "will be refused here" in run("set", "acme", "--mode", "standard", "--region", "eu").stderr


def test_get_shows_an_account_and_ends_with_1_for_an_unknown_one(topic: Topic) -> None:
    run("set", "acme", "--mode", "edge", "--use", "legal")
    found = run("get", "acme")
    assert found.return_value == 0
    assert "edge" in found.output
    assert "legal" in found.output
    unknown = run("get", "other")
    assert unknown.return_value == 1
    assert "no_storage" in unknown.output
    assert shown(run("get", "other", "--json")) == {"account": "other", "known": False, "mode": "no_storage"}
    assert shown(run("get", "acme", "--json"))["known"] is True


def test_list_is_a_table_or_json_lines(topic: Topic) -> None:
    run("set", "b", "--mode", "edge")
    run("set", "a", "--mode", "standard")
    assert [json.loads(line)["account"] for line in run("list", "--json").stdout.splitlines()] == ["a", "b"]
    assert [json.loads(line)["account"] for line in run("list", "--json", "--mode", "edge").stdout.splitlines()] == [
        "b"
    ]
    table = run("list")
    assert "2 accounts" in table.output
    assert "\x1b" not in table.output


def test_list_names_accounts_whose_record_cannot_be_read(topic: Topic) -> None:
    topic.write("a", Account("a", version=1))
    topic.write("broken", None)
    result = run("list")
    assert result.return_value == 1
    assert "broken" in result.stderr
