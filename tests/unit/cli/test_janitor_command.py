"""`streams janitor` on fakes."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from streams.cli import cli
from streams.cli.logs import start_logging
from streams.lifecycle import running
from streams.lifecycle.janitor import Janitor, Round
from streams.settings import Settings
from tests.unit.lifecycle.test_janitor import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    @contextmanager
    def opened(settings: Settings) -> Iterator[Janitor]:
        yield world.janitor

    monkeypatch.setattr(running, "open_janitor", opened)
    monkeypatch.setenv("STREAMS_JANITOR__HTTP_PORT", "0")
    monkeypatch.setenv("STREAMS_JANITOR__INTERVAL", "0.01")
    return world


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["janitor", *words], standalone_mode=False)


def test_one_round_shows_every_step(world: World) -> None:
    result = run("--once")
    assert result.return_value == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "rotate",
        "end",
        "status",
        "publish",
        "purge",
        "drift",
    ]


def test_one_round_with_a_failed_step_ends_with_1(world: World) -> None:
    world.vault.down = True
    result = run("--once", "--json")
    data = json.loads(result.stdout)
    assert result.return_value == 1
    assert data["ok"] is False
    assert {step["name"] for step in data["steps"] if step["result"] == "failed"} >= {"rotate", "end"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_round_and_ends_cleanly(
    number: signal.Signals, code: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = world.janitor.round
    rounds: list[Round] = []

    def third_is_told_to_stop() -> Round:
        if len(rounds) == 2:
            os.kill(os.getpid(), number)
        rounds.append(plain())
        return rounds[-1]

    monkeypatch.setattr(world.janitor, "round", third_is_told_to_stop)
    before = signal.getsignal(number)
    result = run("--json")
    assert result.return_value == code
    assert len(result.stdout.splitlines()) == len(rounds) == 3
    assert signal.getsignal(number) is before


def test_health_tells_which_step_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = world.janitor.round
    answers: list[int] = []

    def asking() -> Round:
        done = plain()
        from tests.unit.lifecycle.test_janitor import get

        for path in ("livez", "readyz"):
            answers.append(get(f"http://{addresses[-1]}/{path}")[0])
        world.vault.down = True
        if len(answers) >= 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return done

    from streams.lifecycle import serving

    addresses: list[str] = []
    enter = serving.Serving.__enter__

    def noting(self: serving.Serving) -> serving.Serving:
        addresses.append(self.address)
        return enter(self)

    monkeypatch.setattr(serving.Serving, "__enter__", noting)
    monkeypatch.setattr(world.janitor, "round", asking)
    assert run().return_value == 0
    assert answers == [200, 200, 200, 503]


def test_log_lines_show_the_type_of_an_error_and_not_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "console"):
        start_logging(Settings(log_format=form))
        try:
            raise ValueError("CANARY-51c0")
        except ValueError:
            logging.getLogger("streams.test").exception("a step failed")
        line = capsys.readouterr().err
        assert "a step failed (ValueError)" in line
        assert "CANARY" not in line
        assert "Traceback" not in line
