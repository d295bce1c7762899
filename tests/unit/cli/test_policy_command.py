"""`streams policy`: mistakes with their place, and why an event was or was not a violation; text is never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import cli
from streams.errors import ComplianceError
from streams.policy import load_policies


def run(*words: str, given: object = None) -> Result:
    text = given if isinstance(given, (str, bytes)) else json.dumps(given)
    return CliRunner().invoke(cli, ["policy", *words], standalone_mode=False, input=text)


def explained(*words: str, given: object = None) -> tuple[int, dict[str, Any]]:
    result = run("explain", "--json", *words, given=given)
    assert result.exception is None
    found: dict[str, Any] = json.loads(result.output)
    return result.return_value, found


def rule_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    (rule,) = [one for one in found["rules"] if one["rule"] == name]
    return dict(rule)


def test_the_built_in_policy_is_sound_and_is_shown_by_area() -> None:
    result = run("check")
    assert result.return_value == 0
    assert "2023-03-17" in result.output
    assert "malware.build" in result.output
    listed = json.loads(run("check", "--json").output)
    assert listed["mistakes"] == []
    assert len(listed["bundles"][0]["rules"]) == len(load_policies().bundles[0].rules)


def test_a_mistake_is_shown_with_file_line_caret_and_hint(tmp_path: Path) -> None:
    source = Path(load_policies.__code__.co_filename).parent / "bundles" / "2023-03-17"
    folder = tmp_path / "2023-03-17"
    folder.mkdir()
    for file in source.iterdir():
        folder.joinpath(file.name).write_bytes(file.read_bytes())
    (wrong,) = [file for file in folder.glob("*.yaml") if "score(malware) >= content" in file.read_text()]
    wrong.write_text(wrong.read_text().replace("score(malware) >= content", "score(malwear) >= content", 1))
    line = next(n for n, text in enumerate(wrong.read_text().splitlines(), 1) if "malwear" in text)
    result = run("check", str(tmp_path))
    assert result.return_value == 2
    assert f"{wrong.name}:{line}" in result.stderr
    assert "^" in result.stderr
    assert 'did you mean "malware"' in result.stderr
    mistakes = json.loads(run("check", "--json", str(tmp_path)).stdout)["mistakes"]
    assert [one["line"] for one in mistakes] == [line]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "nowhere"))
    assert isinstance(result.exception, ComplianceError)
    assert "nowhere" in str(result.exception)


def test_an_enforced_rule_that_matches_ends_with_1_and_every_condition_is_told() -> None:
    code, found = explained("--scores", "malware=80")
    rule = rule_of(found, "malware.build")
    assert (code, rule["truth"], found["complete"]) == (1, "matched", True)
    assert rule["when"][0]["truth"] is True
    assert [part["truth"] for part in rule["unless"]] == [False, False, False]


def test_a_declared_use_is_why_it_was_none() -> None:
    code, found = explained("--scores", "malware=80", "--use", "security_research", "--rule", "malware.build")
    assert (code, [one["truth"] for one in found["rules"]]) == (0, ["not_matched"])


def test_a_gap_is_unknown_and_never_clean() -> None:
    code, found = explained("--scores", "malware=10", "--gap", "lexicon=failed", "--rule", "malware.build")
    assert code == 0
    assert found["rules"][0]["truth"] == "unknown"
    assert found["complete"] is False


def test_an_event_is_judged_by_the_detectors_and_its_text_is_not_shown() -> None:
    text = "Zeppelin: [[synthetic:malware]]"
    result = run("explain", given={"text": text})
    assert result.return_value == 1
    assert "MATCHED      malware.build" in result.output
    assert "Zeppelin" not in result.output


def test_whole_events_are_judged_by_what_they_declare() -> None:
    event = {"event_id": "e", "account": "acme", "kind": "prompt", "prompt": "Plan a supply route."}
    assert explained(given=event)[0] == 0
    code, found = explained(given={**event, "declared": {"uses": ["military"]}})
    assert code == 1
    assert any("military" in one["rule"] for one in found["rules"] if one["truth"] == "matched")


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("--scores", "malwear=80"), None, 'did you mean "malware"'),
        (("--scores", "malware=high"), None, "a whole number from 0 to 100"),
        (("--scores", "malware=101"), None, "a whole number from 0 to 100"),
        (("--scores", "malware=80", "--rule", "malware.bild"), None, 'did you mean "malware.build"'),
        (("--scores", "malware=80", "--gap", "lexicon"), None, "--gap"),
        ((), "no json", "the event is not JSON"),
        ((), {"text": 5}, "wrong_type"),
        ((), b"\xff\xfe", "the event is not JSON"),
        ((), "[" * 100_000, "the event is not JSON"),
        ((), [1], "one JSON object"),
    ],
)
def test_what_cannot_be_explained_is_named(words: tuple[str, ...], given: object, said: str) -> None:
    result = run("explain", *words, given=given)
    assert result.exception is not None
    assert said in getattr(result.exception, "message", str(result.exception))
