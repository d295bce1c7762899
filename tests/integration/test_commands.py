"""The commands as people run them: against a broker and a vault, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.integration.deployment import deploy, vault

pytestmark = pytest.mark.broker


class Shell:
    """Runs `streams …` with the settings of a deployment."""

    def __init__(self, bootstrap: str, folder: Path, prefix: str) -> None:
        self.environment = {
            **os.environ,
            "STREAMS_KAFKA__BOOTSTRAP": bootstrap,
            "STREAMS_TOPICS__PREFIX": prefix,
            "STREAMS_TOPICS__PARTITIONS": "2",
            "STREAMS_VAULT__DIRECTORY": str(folder / "vault"),
            "STREAMS_JANITOR__HTTP_PORT": "0",
            "STREAMS_JANITOR__INTERVAL": "0.1",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "streams", *words], env=self.environment, capture_output=True, text=True, timeout=60
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "streams", *words],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip


def rows(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_from_topics_to_receipts(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path, create=False)
    shell = Shell(broker.bootstrap, tmp_path, settings.topics.prefix)
    assert shell.run("topics", "check").returncode == 1
    assert {row["what"] for row in rows(shell.run("topics", "apply", "--json"))} == {"created"}
    assert shell.run("topics", "check").returncode == 0
    with vault(settings):
        assert rows(shell.run("janitor", "--once", "--json"))[0]["ok"] is True
        assert shell.run("accounts", "set", "acme", "--mode", "standard").returncode == 0
    (acme,) = rows(shell.run("accounts", "list", "--json"))
    assert (acme["account"], acme["version"], acme["mode"]) == ("acme", 1, "standard")
    keys = rows(shell.run("tail", "keys", "--from", "beginning", "--stop-at-end", "--json"))
    assert {key["kind"] for key in keys} == {"transit", "day"}
    (shown,) = rows(shell.run("tail", "accounts", "--from", "5m", "--stop-at-end", "--json"))
    assert shown["key_id"] == acme["key_id"]
    checked = shell.run("receipts", "check", "--json")
    assert (checked.returncode, json.loads(checked.stdout)["ok"]) == (0, True)


def test_the_janitor_serves_its_metrics_and_stops_cleanly(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    shell = Shell(broker.bootstrap, tmp_path, settings.topics.prefix)
    with vault(settings):
        process = shell.start("janitor")
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split("http://")[1].strip()
            with urllib.request.urlopen(f"http://{address}", timeout=10) as answer:
                assert b"streams_janitor_rounds_total" in answer.read()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_broker_that_is_not_there_ends_with_3_and_one_line(tmp_path: Path) -> None:
    shell = Shell("127.0.0.1:1", tmp_path, "x.")
    for words in (("topics", "check"), ("accounts", "list"), ("tail", "tagged"), ("receipts", "check")):
        done = shell.run(*words)
        assert done.returncode == 3
        assert done.stderr.startswith("streams: nobody takes a connection at 127.0.0.1:1")
        assert len(done.stderr.splitlines()) == 1


def test_an_embedded_broker_of_its_own_ends_with_ctrl_c(tmp_path: Path) -> None:
    process = Shell("127.0.0.1:1", tmp_path, "x.").start("broker", "--port", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("broker at 127.0.0.1:")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
