"""The vault as a process that is killed with -9: what it answered stays, what it ended stays ended."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.demo.processes import until
from streams.errors import VaultUnavailable
from streams.settings import Settings, parse
from streams.vault.client import ControlClient
from tests.integration.deployment import vault_process

SECONDS = 30.0
KILLS = 6


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return parse({"STREAMS_VAULT__DIRECTORY": str(tmp_path / "vault")})


class Work:
    """Opens accounts and closes every second of them until the vault is gone; keeps what the vault answered."""

    def __init__(self, control: ControlClient, turn: int) -> None:
        self.opened: dict[str, tuple[str, bytes]] = {}
        self.closed: dict[str, str] = {}
        self._control = control
        self._turn = turn

    def wait(self, accounts: int) -> None:
        until(lambda: len(self.opened) >= accounts, SECONDS, f"{accounts} accounts", lambda: None)

    def __call__(self) -> None:
        for number in range(100_000):
            account = f"account-{self._turn}-{number}"
            try:
                self.opened[account] = self._control.open_account(account)
                if number % 2 == 0:
                    (key_id,) = self._control.close_account(account)
                    self.closed[account] = key_id
            except VaultUnavailable:
                return


def test_killed_under_load_it_keeps_every_key_it_gave_and_revives_none_that_it_ended(settings: Settings) -> None:
    chance = random.Random(11)
    done: list[Work] = []
    for turn in range(KILLS):
        with vault_process(settings) as (control, process):
            work = Work(control, turn)
            thread = threading.Thread(target=work)
            thread.start()
            work.wait(chance.randrange(3, 30))
            process.send_signal(signal.SIGKILL)
            thread.join()
            done.append(work)
    with vault_process(settings) as (control, _):
        control.rotate()
        control.end_due()
        assert control.status()["ending"] == []
        for work in done:
            for account, (key_id, public) in work.opened.items():
                if account in work.closed:
                    assert control.state(key_id) == "ended"
                elif control.state(key_id) != "ended":  # else: killed while it closed the last one
                    assert control.open_account(account) == (key_id, public)
            ended = [key_id for key_id, _ in work.opened.values() if control.state(key_id) == "ended"]
            assert len(ended) - len(work.closed) in (0, 1)


def test_one_folder_has_one_vault(settings: Settings) -> None:
    with vault_process(settings):
        command = [sys.executable, "-m", "streams", "vault", "serve"]
        environment = {**os.environ, "STREAMS_VAULT__DIRECTORY": str(settings.vault.directory)}
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
        assert second.returncode == 2
        assert "Traceback" not in second.stderr
        assert str(settings.vault.directory) in second.stderr


def test_a_kill_leaves_its_sockets_and_the_next_one_takes_them_over(settings: Settings) -> None:
    with vault_process(settings) as (_, process):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(settings.vault.directory.rglob("*.sock"))
        with vault_process(settings) as (control, _):
            assert control.status()["overdue"] == 0
