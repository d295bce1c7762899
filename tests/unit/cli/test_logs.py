"""Log lines: no content of exceptions, one line of a kind from libraries, all of ours."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading

import pytest

from streams.cli import logs
from streams.settings import Settings

CANARY = "canary-9f3c"


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


NOISY = f"""
import asyncio, gc, logging, os, warnings
from streams.cli.logs import start_logging
from streams.settings import Settings

start_logging(Settings(log_format=os.environ["FORM"]))
library = logging.getLogger("library")
error = ValueError("{CANARY}")
library.error("it failed: %s", error)
library.error("it failed: %r", error)
library.error("%d records", "{CANARY}")
library.error("a lone half \\ud800 of a sign, and 面团 \U0001f35e\\nin two lines")
library.error("its values cannot be shown: %s", type("T", (), {{"__str__": lambda self: 1 / 0}})())
warnings.warn("{CANARY}")

async def fail():
    raise error

async def forget():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0.01)

asyncio.run(forget())

class Late:
    def __del__(self):
        raise error

Late()
gc.collect()
raise error
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_whatever_fails_no_text_of_an_error_is_written_and_json_lines_are_json(form: str, encoding: str) -> None:
    environment = {**os.environ, "FORM": form, "PYTHONIOENCODING": encoding}
    ran = subprocess.run([sys.executable, "-c", NOISY], env=environment, capture_output=True)
    assert ran.returncode == 1
    said = ran.stderr.decode()
    assert CANARY not in said
    assert "Traceback" not in said
    for told in ("it failed: ValueError", "its values do not fit", "UserWarning", "never retrieved (ValueError)"):
        assert told in said
    assert "an error in Late.__del__ was ignored: ValueError" in said
    assert "ended with an error: ValueError at" in said
    assert said.count("its values do not fit") == 2
    if form == "json":
        messages = [json.loads(line)["message"] for line in said.splitlines()]
        assert any("面团 \U0001f35e\nin two lines" in message for message in messages)
