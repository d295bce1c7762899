"""Log lines: no content of exceptions, one line of a kind from libraries, all of ours."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from streams.cli import logs
from streams.settings import Settings


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def start() -> None:
    logs.start_logging(Settings(log_format="json"))


def test_a_library_that_repeats_itself_is_heard_once_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    library = logging.getLogger("aiokafka")
    for node in range(50):
        library.error("Unable to connect to node %s", node)
    library.error("Another thing")
    monkeypatch.setattr(logs, "EVERY_SECONDS", 0.0)
    library.error("Unable to connect to node %s", 7)
    assert [line["message"] for line in lines(capsys)] == [
        "Unable to connect to node 0",
        "Another thing",
        "Unable to connect to node 7 (49 more like it since)",
    ]


def test_our_own_lines_all_pass(capsys: pytest.CaptureFixture[str]) -> None:
    start()
    for _ in range(5):
        logging.getLogger("streams.worker").warning("a batch was taken away")
    assert len(lines(capsys)) == 5


def test_what_is_remembered_of_lines_is_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    monkeypatch.setattr(logs, "KINDS", 10)
    held = logging.getLogger().handlers[0].filters[0]
    for number in range(3 * logs.KINDS):
        logging.getLogger("library").warning(f"made up {number}")
    assert isinstance(held, logs._Repeats)
    assert len(held._shown) <= logs.KINDS
    assert len(lines(capsys)) == 3 * logs.KINDS


def test_of_an_exception_only_its_type_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    start()
    try:
        raise ValueError("what a customer wrote")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    assert [line["message"] for line in lines(capsys)] == ["it failed (ValueError)"]


def test_a_thread_that_ends_with_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    start()

    def fail() -> None:
        raise ValueError("what a customer wrote")

    thread = threading.Thread(target=fail, name="reader")
    thread.start()
    thread.join()
    assert [line["message"] for line in lines(capsys)] == ["reader ended with an error (ValueError)"]
