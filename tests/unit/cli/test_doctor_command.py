"""`streams doctor`: one screen or JSON Lines; wrong settings are a finding, an unknown check is a mistake."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import streams.doctor
from streams.cli import cli
from streams.doctor import Check, Remark
from streams.doctor.remark import not_checked, ok, warning, wrong
from streams.settings import Settings


def checks(monkeypatch: pytest.MonkeyPatch, **said: Remark) -> None:
    def look(remark: Remark) -> Check:
        def check(settings: Settings) -> list[Remark]:
            return [remark]

        return Check("x", check)

    monkeypatch.setattr(
        streams.doctor, "CHECKS", tuple(look(remark)._replace(name=name) for name, remark in said.items())
    )


def test_what_is_wrong_stands_on_one_screen_with_its_place_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, disk=ok("room"), kafka=wrong("nobody answers", "kafka:9092", "start it"))
    result = CliRunner().invoke(cli, ["doctor"], standalone_mode=False)
    assert result.return_value == 1
    for told in ("nobody answers", "kafka:9092", "→ start it", "1 ok, 1 wrong"):
        assert told in result.output


@pytest.mark.parametrize(
    ("remark", "code"), [(ok("fine"), 0), (not_checked("not here"), 0), (warning("odd", "", "mend it"), 1)]
)
def test_it_ends_with_1_on_anything_that_is_to_be_done(
    remark: Remark, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, one=remark)
    result = CliRunner().invoke(cli, ["doctor", "--json"], standalone_mode=False)
    assert result.return_value == code
    assert json.loads(result.output) == {"check": "one", **remark._asdict()}


def test_wrong_settings_are_a_finding_and_nothing_else_is_said_to_be_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_TOPICS__PARTITIONS", "none")
    result = CliRunner().invoke(cli, ["doctor", "--json"], standalone_mode=False)
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert result.return_value == 1
    assert "topics.partitions" in lines[0]["what"]
    assert [line["state"] for line in lines] == ["wrong"] + ["not_checked"] * (len(streams.doctor.CHECKS) - 1)


def test_an_unknown_check_cannot_be_left_out() -> None:
    result = CliRunner().invoke(cli, ["doctor", "--without", "vualt"])
    assert result.exit_code == 2
    assert "vault" in result.output
