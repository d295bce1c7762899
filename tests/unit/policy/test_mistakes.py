"""Mistakes in policy files are shown with file, line, caret and hint: golden files hold what a person sees.

To see them anew after a change: GOLDEN=write pytest tests/unit/policy/test_mistakes.py, then read the difference.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from streams.errors import PolicyError
from streams.policy import BUNDLES, load_policies
from streams.written.mistakes import Mistake, PolicyMistakes, Text, did_you_mean

GOLDEN = Path(__file__).parent / "golden"
CATEGORY = "category: malware\n    title: Code"
WHEN = "when: score(malware) >= content\n"

# name -> (file, what stands there, what stands there by mistake)
CASES: dict[str, tuple[str, str, str]] = {
    "unknown_category": ("malware.yaml", CATEGORY, CATEGORY.replace("malware", "malwear")),
    "category_of_another_area": ("malware.yaml", CATEGORY, CATEGORY.replace("malware", "spam")),
    "unknown_category_in_score": ("malware.yaml", WHEN, "when: score(malwear) >= content\n"),
    "trait_as_category": ("malware.yaml", WHEN, "when: score(tailored) >= content\n"),
    "misspelt_function": ("malware.yaml", WHEN, "when: scoer(malware) >= content\n"),
    "misspelt_fact": ("malware.yaml", WHEN, "when: score(malware) >= content and reveiwed\n"),
    "wrong_type": ("bundle.yaml", "content: 70 ", "content: high "),
    "threshold_out_of_range": ("bundle.yaml", "content: 70 ", "content: 170 "),
    "number_out_of_range": ("malware.yaml", WHEN, "when: score(malware) >= 101\n"),
    "no_whole_number": ("malware.yaml", WHEN, "when: score(malware) >= 0.7\n"),
    "unknown_threshold": ("malware.yaml", WHEN, "when: score(malware) >= contant\n"),
    "duplicate_rule": ("malware.yaml", "id: malware.under_research", "id: malware.build"),
    "syntax_ends_early": ("malware.yaml", WHEN, "when: score(malware) >= content and\n"),
    "syntax_bracket": ("malware.yaml", WHEN, "when: (score(malware) >= content or reviewed\n"),
    "syntax_operator": ("malware.yaml", WHEN, "when: score(malware) >= content && reviewed\n"),
    "syntax_single_equals": ("malware.yaml", WHEN, "when: kind = prompt\n"),
    "syntax_two_conditions": ("malware.yaml", WHEN, "when: score(malware) >= content reviewed\n"),
    "syntax_in_block": (
        "malware.yaml",
        WHEN,
        "when: |\n      score(malware) >= content\n      and (reviewed or   # why\n           scoer(malware) > 3)\n",
    ),
    "syntax_in_folded_block": ("malware.yaml", WHEN, "when: >-\n      reviewed\n      and enterprize\n"),
    "syntax_in_quotes": ("malware.yaml", WHEN, 'when: "reviewed and enterprize"\n'),
    "syntax_full_width": ("malware.yaml", WHEN, "when: score(malware）>= content\n"),
    "function_uncompared": ("malware.yaml", WHEN, "when: score(malware)\n"),
    "word_uncompared": ("malware.yaml", WHEN, "when: audience\n"),
    "word_of_no_kind": ("malware.yaml", WHEN, "when: audience == consumers\n"),
    "use_compared": ("malware.yaml", WHEN, "when: use(gambling) >= 3\n"),
    "rate_mixed": ("malware.yaml", WHEN, "when: rate(spam, minutes=60) >= 3 and reviewed\n"),
    "rate_without_window": ("fraud-deception.yaml", "rate(spam, minutes=60)", "rate(spam)"),
    "rate_negated": ("fraud-deception.yaml", "when: rate(spam,", "when: not rate(spam,"),
    "rate_too_long": ("fraud-deception.yaml", "rate(spam, minutes=60)", "rate(spam, minutes=9999)"),
    "unknown_use": ("economic-harm.yaml", "use(gambling)", "use(gamblng)"),
    "unknown_group": ("economic-harm.yaml", "use_group(eligibility)", "use_group(elegibility)"),
    "unknown_disclosure": ("disclosure.yaml", "[ai_notice]", "[ai_notise]"),
    "date_reversed": ("malware.yaml", "severity: high\n", "severity: high\n    from: 2024-05-01\n    to: 2024-04-01\n"),
    "date_before_bundle": ("malware.yaml", "severity: high\n", "severity: high\n    from: 2020-01-01\n"),
    "date_wrong": ("bundle.yaml", "in_force: 2023-03-17", "in_force: 2023-02-30"),
    "version_not_folder": ("bundle.yaml", 'version: "2023-03-17"', 'version: "2023-03-18"'),
    "category_without_rule": (
        "illegal-activity.yaml",
        (BUNDLES / "2023-03-17" / "illegal-activity.yaml").read_text(encoding="utf-8"),
        "area: illegal-activity\n",
    ),
    "unknown_key": ("malware.yaml", "severity: high\n", "severity: high\n    severty: low\n"),
    "unknown_severity": ("malware.yaml", "severity: high\n", "severity: hihg\n"),
    "missing_key": ("malware.yaml", "    severity: high\n", ""),
    "duplicate_key": ("malware.yaml", "severity: high\n", "severity: high\n    severity: low\n"),
    "yaml_syntax": ("malware.yaml", "title: Code that harms", "title: Code: that harms"),
    "yaml_tab": ("malware.yaml", "    severity: high\n", "\tseverity: high\n"),
    "yaml_alias": ("malware.yaml", "severity: high\n", "severity: &a high\n    clause: *a\n"),
    "yaml_tag": ("malware.yaml", "severity: high\n", "severity: !!python/name:os.system high\n"),
    "not_a_mapping": ("malware.yaml", "area: malware\nrules:\n", ""),
    "rules_no_list": ("child-safety.yaml", "rules:\n  - id: child_safety.csam", "rules:\n    id: child_safety.csam"),
    "unknown_area": ("malware.yaml", "area: malware", "area: malwares"),
    "unknown_label_of_detector": ("bundle.yaml", "language: []", "language: [malwear]"),
    "obligation_and_rule": ("malware.yaml", "id: malware.under_research", "id: publication.missing"),
}  # fmt: skip


def mistaken(tmp_path: Path, name: str) -> PolicyMistakes:
    file, old, new = CASES[name]
    path = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17") / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyMistakes) as caught:
        load_policies(tmp_path)
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_shown_where_it_stands(tmp_path: Path, name: str) -> None:
    shown = str(mistaken(tmp_path, name)) + "\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_there_is_no_golden_file_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


def test_all_mistakes_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17")
    for name in ("unknown_category", "unknown_use", "wrong_type"):
        file, old, new = CASES[name]
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyMistakes) as caught:
        load_policies(tmp_path)
    assert [Path(one.file).name for one in caught.value.mistakes] == [
        "bundle.yaml",
        "economic-harm.yaml",
        "malware.yaml",
    ]


@pytest.mark.parametrize("name", ["bundle.yaml", "uses.yaml"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17")
    (folder / name).unlink()
    with pytest.raises(PolicyError, match=r"uses.yaml:1:1: this file is missing|holds no bundle"):
        load_policies(tmp_path)


def test_bytes_that_are_no_text_are_a_mistake(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLES / "2023-03-17", tmp_path / "2023-03-17")
    (folder / "malware.yaml").write_bytes(b"area: malware\nrules: \xff\xfe\n")
    with pytest.raises(PolicyMistakes, match=r"malware.yaml:2:8: not UTF-8 from here on"):
        load_policies(tmp_path)


def test_the_caret_stands_below_wide_characters() -> None:
    text = "title: 恶意软件 wrong"
    shown = str(Text("a.yaml", text).mistake(text.index("wrong"), len(text), "no"))
    source, caret = shown.split("\n")[1:]
    assert caret.index("^") == source.index("wrong") + len("恶意软件")


def test_a_mistake_at_the_end_of_a_file_has_a_caret() -> None:
    shown = str(Text("a.yaml", "a: b").mistake(4, 4, "it ends"))
    assert shown.splitlines()[0] == "a.yaml:1:5: it ends"
    assert shown.endswith("^")


def test_mistakes_are_sorted_and_counted() -> None:
    one, other = Mistake("b", 1, 1, 1, "x", "", ""), Mistake("a", 2, 1, 1, "y", "", "")
    assert [m.file for m in PolicyMistakes([one, other]).mistakes] == ["a", "b"]
    assert str(PolicyMistakes([one])).startswith("1 mistake")


def test_hints_name_what_is_near_or_what_there_is() -> None:
    assert did_you_mean("gamblng", ["gambling", "dating"]) == 'did you mean "gambling"?'
    assert did_you_mean("xyz", ["gambling", "dating"]) == "known: dating, gambling"
    assert did_you_mean("xyz", []) == ""
