"""`streams settings`: what is in force, where it comes from, and no secret."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import cli
from streams.cli.reference import rows
from streams.settings import Settings

SECRET = "canary-of-a-password"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith("STREAMS_")]:
        monkeypatch.delenv(name)


def told(*words: str) -> dict[str, tuple[str, str]]:
    result = CliRunner().invoke(cli, [*words, "--json"], standalone_mode=False)
    assert result.exception is None, result.exception
    lines = [json.loads(line) for line in result.output.splitlines()]
    return {line["name"]: (line["value"], line["source"]) for line in lines}


def test_each_setting_is_shown_with_the_place_that_decided_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "streams.toml"
    file.write_text('cell = "file"\n[topics]\npartitions = 3\nprefix = "a."\n')
    monkeypatch.setenv("STREAMS_TOPICS__PREFIX", "b.")
    monkeypatch.setenv("STREAMS_WORKER", '{"in_flight": 7}')
    found = told("--config", str(file), "settings")
    assert found["cell"] == ("file", str(file))
    assert found["topics.partitions"] == ("3", str(file))
    assert found["topics.prefix"] == ("b.", "STREAMS_TOPICS__PREFIX"), "the environment goes before the file"
    assert found["worker.in_flight"] == ("7", "STREAMS_WORKER")
    assert found["worker.batch_records"] == ("2000", "default")
    changed = told("--config", str(file), "settings", "--changed")
    assert set(changed) == {"cell", "topics.partitions", "topics.prefix", "worker.in_flight"}


def test_a_secret_is_masked_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_KAFKA__PASSWORD", SECRET)
    assert told("settings")["kafka.password"] == ("**********", "STREAMS_KAFKA__PASSWORD")
    for words in (["settings"], ["settings", "--json"], ["settings", "--reference"]):
        assert SECRET not in CliRunner().invoke(cli, words, standalone_mode=False).output


def test_every_setting_is_there_with_a_meaning() -> None:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    number = sum(len(getattr(kind, "model_fields", {"itself": 1})) for kind in sections.values())
    found = list(rows())
    assert len(found) == len({row.variable for row in found}) == number
    assert [row.name for row in found if not row.meaning] == []


def test_settings_that_do_not_hold_are_told_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_TOPICS__PARTITIONS", "many")
    result = CliRunner().invoke(cli, ["settings"], standalone_mode=False)
    assert "topics.partitions" in str(result.exception)
