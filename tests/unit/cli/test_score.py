"""`streams score` answers every line, in order, as it comes; what cannot be read is named and never clean."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.errors import Code

COMMAND = [sys.executable, "-m", "streams", "score"]
MARKED = "A made-up line: [[synthetic:malware]]"


def score(lines: Sequence[bytes | dict[str, Any]], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    given = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    done = subprocess.run([*COMMAND, *arguments], input=given, capture_output=True, timeout=60)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_each_line_is_answered_in_order_under_its_own_id() -> None:
    names = ["a", 7, 1.5, None, "\u00e9\u4e2d", "x" * 500]
    lines = [{"id": name, "text": MARKED if i % 2 else "How does bread rise?"} for i, name in enumerate(names)]
    code, answers, _ = score([*lines, *lines] * 100)
    assert code == 0
    assert [answer["id"] for answer in answers] == names * 200
    for i, answer in enumerate(answers):
        assert set(answer) == {"id", "scores", "violations", "gaps"}
        assert (answer["scores"].get("malware", 0) == 100) is bool(i % 2)
        assert bool(answer["violations"]) is bool(i % 2)


def test_whole_events_are_judged_by_what_they_declare() -> None:
    event = {"event_id": "e1", "account": "acme", "kind": "prompt", "prompt": "Plan a supply route."}
    _, answers, _ = score([event, {**event, "event_id": "e2", "declared": {"uses": ["military"]}}])
    assert [answer["id"] for answer in answers] == ["e1", "e2"]
    assert answers[0]["violations"] == []
    assert any("military" in rule for rule in answers[1]["violations"])


def test_lines_that_cannot_be_read_are_answered_named_and_counted() -> None:
    lines: list[bytes | dict[str, Any]] = [
        b"not json", b"", b"[1]", b'{"id": 4}', {"id": 5, "text": 5}, {"id": 6, "text": ""}, b'{"text": "\xff"}',
        b'{"id": 8, "text": "\\ud800"}', b"[" * 100_000, {"id": 10, "text": "fine"},
    ]  # fmt: skip
    code, answers, said = score(lines)
    assert code == 1
    assert len(answers) == len(lines)
    assert [answer["id"] for answer in answers[3:6]] == [4, 5, 6]
    assert "error" not in answers[-1]
    codes = {code.value for code in Code}
    for answer in answers[:-1]:
        assert answer["error"] in codes
        assert answer["gaps"] == [f"input:{answer['error']}"]
    assert "lines could not be read" in said
    assert "\\ud800" not in said


def test_a_line_that_waits_is_answered_before_the_next_one_comes() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({"id": number, "text": "hello"}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.write(b'{"id": "last", "text": "no line end"}')
        process.stdin.close()
        assert json.loads(process.stdout.readline())["id"] == "last"
        assert process.wait(20) == 0


def test_a_completion_and_traits_are_scored_when_asked_for() -> None:
    _, (plain,), _ = score([{"text": MARKED}])
    _, (more,), _ = score([{"text": MARKED}], "--traits", "--kind", "completion")
    assert "synthetic_marker" not in plain["scores"]
    assert more["scores"]["synthetic_marker"] == 100


def test_a_file_is_read_and_one_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text(json.dumps({"id": 1, "text": "hello"}) + "\n")
    done = subprocess.run([*COMMAND, str(tmp_path / "lines.jsonl")], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["id"] == 1
    gone = subprocess.run([*COMMAND, str(tmp_path / "gone.jsonl")], capture_output=True, text=True, timeout=60)
    assert (gone.returncode, "Traceback" in gone.stderr) == (2, False)


def test_folders_that_hold_nothing_are_named(tmp_path: Path) -> None:
    for option in ("--policy", "--lexicons"):
        code, answers, said = score([{"text": "hello"}], option, str(tmp_path))
        assert (code, answers) == (2, [])
        assert str(tmp_path) in said
        assert "Traceback" not in said


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    lines = json.dumps({"text": "hello"}) + "\n"
    head = subprocess.run(
        f"{sys.executable} -m streams score | head -1", shell=True, input=lines * 20_000, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert head.stdout.count("\n") == 1
    assert head.stderr == ""
