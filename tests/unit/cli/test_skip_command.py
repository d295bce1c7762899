"""`streams skip` asks for a reason and a name before it asks Kafka."""

from __future__ import annotations

import getpass

import pytest
from click.testing import CliRunner

from streams.cli import cli

PLACE = ("intake", "0", "7")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (PLACE, "--reason"),
        ((*PLACE, "--reason", "ends workers", "--by", "eve@example.com"), "--by eve@example.com"),
        (("intake", "0", "-7", "--reason", "ends workers"), "-7"),
    ],
)
def test_what_is_missing_or_wrong_is_named(words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(cli, ["skip", *words])
    assert result.exit_code == 2
    assert said in result.output


def test_a_user_without_a_name_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    result = CliRunner().invoke(cli, ["skip", *PLACE, "--reason", "ends workers"])
    assert result.exit_code == 2
    assert "--by NAME" in result.output
