"""Mistakes in a lexicon are shown with file, line, caret and hint, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.detect import load_detectors
from streams.detect.lexicon import load_lexicon
from streams.errors import PolicyError

RIGHT = """area: malware
concepts:
  a.thing: {en: [ransomware], zh: [勒索软件]}
  a.make: {en: [write, build*]}
clues:
  - {id: a.build, label: malware, score: 80, all: [a.thing, a.make], near: 40}
examples:
  - {text: "write ransomware", match: [a.build]}
"""

MISTAKES = {
    "an unknown area": ("area: malware", "area: malwear", 'did you mean "malware"'),
    "an unknown label": ("label: malware", "label: malwar", 'did you mean "malware"'),
    "an unknown concept": ("all: [a.thing, a.make]", "all: [a.thing, a.mike]", 'did you mean "a.make"'),
    "an unknown clue": ("match: [a.build]", "match: [a.bild]", 'did you mean "a.build"'),
    "a score too high": ("score: 80", "score: 180", "100"),
    "an unknown key": ("near: 40", "neer: 40", 'did you mean "near"'),
    "a concept without a phrase": ("{en: [write, build*]}", "{}", "has no phrase"),
    "a phrase too short": ("[write, build*]", "[w]", "too short"),
    "an example of nothing": (", match: [a.build]", "", "an example of nothing"),
    "a clue twice": (
        "examples:",
        "  - {id: a.build, label: malware, score: 1, all: [a.make]}\nexamples:",
        "there twice",
    ),
    "no YAML": ("clues:", "clues: [", ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_shown_where_it_stands(tmp_path: Path, name: str) -> None:
    right, wrong, hint = MISTAKES[name]
    assert right in RIGHT
    (tmp_path / "made.yaml").write_text(RIGHT.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_lexicon(tmp_path)
    told = str(caught.value)
    assert "made.yaml:" in told
    assert "^" in told
    assert hint in told


def test_all_mistakes_are_shown_at_once(tmp_path: Path) -> None:
    wrong = RIGHT.replace("score: 80", "score: 0").replace("label: malware", "label: nothing")
    (tmp_path / "made.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(PolicyError, match="3 mistakes"):
        load_lexicon(tmp_path)


def test_a_lexicon_that_is_right_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(RIGHT, encoding="utf-8")
    assert [clue.id for clue in load_lexicon(tmp_path).clues] == ["a.build"]


def test_a_pattern_that_does_not_compile_is_named(tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(RIGHT.replace("[write, build*]", "['re:(?<=a)b']"), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"lexicon: a\.make"):
        load_detectors(tmp_path)


def test_a_folder_without_lexicons_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no lexicons"):
        load_lexicon(tmp_path)
