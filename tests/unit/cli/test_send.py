"""`streams send`: every line is sent or named by its place, and none of its text is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from streams.cli import cli, send
from streams.client.testing import RecordingClient
from streams.model.routing import record_key

CANARY = "canary-0c77"


class FakePublisher:
    """Keeps what was published."""

    published: list[tuple[str, bytes, bytes | None]] = []  # noqa: RUF012  emptied by the fixture

    def __init__(self, settings: object) -> None:
        self.closed = False

    def publish(self, topic: str, records: list[tuple[bytes, bytes | None]]) -> list[object]:
        FakePublisher.published += [(topic, key, value) for key, value in records]
        return list(records)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[RecordingClient]:
    """The clients that the command made."""
    made: list[RecordingClient] = []

    def client(connection: object, prefix: str, on_error: Any, limits: object) -> RecordingClient:
        made.append(RecordingClient(on_error=on_error))
        return made[-1]

    monkeypatch.setattr(send, "Client", client)
    monkeypatch.setattr(send, "reach", lambda connection: None)
    monkeypatch.setattr(send, "Publisher", FakePublisher)
    FakePublisher.published = []
    return made


def run(*arguments: str, text: str | bytes = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["send", *arguments], input=text, standalone_mode=False)
    code = result.return_value if isinstance(result.return_value, int) else 1
    if isinstance(result.exception, click.ClickException):
        code = result.exception.exit_code
    elif isinstance(result.exception, click.Abort):
        code = 130
    elif result.exception is not None:
        raise result.exception
    return code, result.stdout, result.stderr


def test_lines_are_events_with_defaults_filled_in(clients: list[RecordingClient]) -> None:
    lines = '{"prompt": "hello", "completion": "good day"}\n\n{"text": "hi", "id": "e7", "account": "other"}\n'
    code, out, _ = run("--account", "acme", "--application", "chat", text=lines)
    assert (code, out) == (0, "2 lines, 2 sent, 0 not sent\n")
    first, second = clients[0].events
    assert (first.meta.account, first.meta.application, first.meta.kind.value) == ("acme", "chat", "exchange")
    assert (second.meta.account, second.meta.event_id) == ("other", "e7")


def test_wrong_lines_are_named_by_place_and_reason_and_never_shown(
    clients: list[RecordingClient], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(
        b'{"prompt": "fine"}\n'
        + f'{{"prompt": "{CANARY}"\n'.encode()
        + f'{{"prompt": "{CANARY}", "account": "{CANARY} no id"}}\n["{CANARY}"]\n\xff{CANARY}\n'.encode("latin-1")
        + f'{{"prompt": ["{CANARY}"]}}\n{{"{CANARY}": 1, "prompt": "x"}}\n'.encode()
    )
    code, out, error = run("--account", "acme", "--json", str(file))
    told = json.loads(out)
    assert (code, told["lines"], told["sent"], told["not_sent"]) == (1, 7, 1, 6)
    assert [(item["place"].rsplit(":", 1)[1], item["reason"]) for item in told["errors"]] == [
        ("2", "not a JSON object"),
        ("3", "account: invalid_value"),
        ("4", "not a JSON object"),
        ("5", "not a JSON object"),
        ("6", "prompt: wrong_type"),
        ("7", "a keyword that record() does not know: invalid_value"),
    ]
    assert CANARY not in out + error


def test_places_are_right_over_several_files(clients: list[RecordingClient], tmp_path: Path) -> None:
    names = []
    for name in ("a", "b"):
        (tmp_path / name).write_text('{"prompt": "fine", "account": "acme"}\n{"prompt": "", "account": "acme"}\n')
        names.append(str(tmp_path / name))
    code, out, _ = run("--json", *names)
    assert code == 1
    assert [item["place"] for item in json.loads(out)["errors"]] == [f"{name}:2" for name in names]


def test_a_line_that_is_too_long_is_named_and_the_next_is_read(
    clients: list[RecordingClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "LARGEST_LINE", 64)
    lines = json.dumps({"prompt": "x" * 200}) + '\n{"prompt": "fine"}\n'
    code, out, _ = run("--account", "acme", text=lines)
    assert code == 1
    assert "stdin:1: longer than" in out
    assert "2 lines, 1 sent, 1 not sent" in out


def test_plain_lines_go_in_the_clear_with_the_key_of_their_conversation(clients: list[RecordingClient]) -> None:
    lines = '{"text": "hello", "conversation": "c1"}\n{"text": "no account", "account": 7}\n'
    code, out, _ = run("--account", "acme", "--topic", "intake.plain", text=lines)
    assert code == 1
    assert "stdin:2: account: missing_field" in out
    ((topic, key, value),) = FakePublisher.published
    assert (topic, key) == ("compliance.intake.plain", record_key("acme", "c1"))
    assert json.loads(value or b"") == {"prompt": "hello", "conversation": "c1", "account": "acme"}
    assert clients == []


def test_the_rate_is_kept(clients: list[RecordingClient], monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(send, "sleep", slept.append)
    monkeypatch.setattr(send, "monotonic", lambda: 0.0)
    run("--account", "acme", "--rate", "10", text='{"prompt": "a"}\n' * 3)
    assert slept == pytest.approx([0.1, 0.2, 0.3])


def test_an_interrupt_sends_what_was_read(clients: list[RecordingClient], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(send, "sleep", interrupted)
    code, out, error = run("--account", "acme", "--rate", "1", text='{"prompt": "a"}\n' * 3)
    assert code == 130
    assert "1 lines, 1 sent" in out
    assert "interrupted" in error
    assert clients[0].record(account="acme", prompt="late") is None


def test_help_shows_an_example() -> None:
    result = CliRunner().invoke(cli, ["send", "--help"])
    assert "streams send --account acme" in result.output
