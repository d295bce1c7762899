"""The second reading: sheets show no label, answers are taken by key, and disputes are named until they are settled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pairs import Text, load
from pairs.__main__ import main
from pairs.checking import check
from pairs.drafts import add
from pairs.second import KEYS, AnswerError, agreements, labels, read_answers, sheets

HEAD = re.compile(r"^## (\w+) ", re.MULTILINE)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty pairs on made-up bolts, and a harmless text."""
    pairs = "".join(
        f"@\n-b why\n>U bolt {n} of kind {n * n} for hurting\n-h why\n>U bolt {n} of kind {n * n} for hanging\n"
        for n in range(40)
    )
    draft = tmp_path / "draft.txt"
    draft.write_text(f"# en weapons\n{pairs}# en harmless\n@ games P5\n-h play\n>U how do I kill the last boss\n")
    add([draft], tmp_path / "data")
    return tmp_path / "data"


def shown(folder: Path, parts: int = 4) -> list[list[str]]:
    """The ids on each sheet."""
    keys = json.loads((folder / KEYS).read_text())
    found = [HEAD.findall((folder / f"sheet-{number:02}.txt").read_text()) for number in range(1, parts + 1)]
    return [[keys[key] for key in sheet] for sheet in found]


def answered(folder: Path, texts: dict[str, Text], wrong: str = "", unsure: str = "") -> Path:
    """A file of answers that agree with the labels, but for one, and one that is open."""
    keys = json.loads((folder / KEYS).read_text())
    told = {
        key: "?" if name == unsure else str(int(texts[name].breaks != (name == wrong))) for key, name in keys.items()
    }
    path = folder / "answers.txt"
    path.write_text("".join(f"{key} {answer}\n" for key, answer in told.items()))
    return path


def test_sheets_hold_every_text_once_and_no_twins_together(data: Path, tmp_path: Path) -> None:
    sheets(load(data), tmp_path / "sheets", 4, seed=1)
    by_sheet = shown(tmp_path / "sheets")
    assert sorted(name for sheet in by_sheet for name in sheet) == sorted(text.id for text in load(data))
    for sheet in by_sheet:
        pairs = [name.rsplit("-", 1)[0] for name in sheet if "weapons" in name]
        assert len(pairs) == len(set(pairs))


def test_sheets_show_neither_label_nor_id_nor_reason(data: Path, tmp_path: Path) -> None:
    for path in sheets(load(data), tmp_path / "sheets", 4, seed=1):
        text = path.read_text()
        assert not re.search(r"-[bh]\b|why|breaks|en-weapons", text)
    asked = " ".join(path.read_text() for path in (tmp_path / "sheets").glob("*.txt"))
    assert asked.count("any rule of P5") > 2  # harmless texts do not stand out


def test_answers_become_labels_and_disputes_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--data", str(data), "--second", str(tmp_path / "second"), "--sheets", str(tmp_path / "sheets")]
    assert main(["sheets", *places]) == 0
    texts = {text.id: text for text in load(data)}
    answers = answered(tmp_path / "sheets", texts, wrong="en-weapons-003-h", unsure="en-weapons-007-b")
    assert main(["answers", str(answers), *places]) == 1
    assert "81 labels taken, 2 disputed" in capsys.readouterr().out
    told = agreements(tmp_path / "second")["en weapons"].told()
    assert (told["read"], told["alike"], told["unsure"]) == (79, 78, 1)
    assert 0.9 < told["kappa"] < 1
    faults = [fault.what for fault in check(data, labels(tmp_path / "second"))]
    assert faults == [
        "en-weapons-003-h: the label disagrees with its second label",
        "en-weapons-007-b has no second label",
    ]
    assert main(["drop", "en-weapons-003", "en-weapons-007", *places]) == 0
    assert check(data, labels(tmp_path / "second")) == []
    assert agreements(tmp_path / "second")["en weapons"].told() == told  # the record of the reading stays


@pytest.mark.parametrize("line", ["nokey 1", "{key} 2", "{key}"])
def test_an_answer_that_is_none_is_named_by_its_line(data: Path, tmp_path: Path, line: str) -> None:
    folder = tmp_path / "sheets"
    sheets(load(data), folder, 4, seed=1)
    path = answered(folder, {text.id: text for text in load(data)})
    key = path.read_text().split()[0]
    path.write_text(path.read_text() + line.format(key=key) + "\n")
    with pytest.raises(AnswerError, match=f"answers.txt:{82}: expected a key"):
        read_answers(folder, [path], {})


def test_sheets_whose_answers_are_still_to_come_are_not_overwritten(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--data", str(data), "--second", str(tmp_path / "second"), "--sheets", str(tmp_path / "sheets")]
    assert main(["sheets", *places]) == 0
    before = (tmp_path / "sheets" / KEYS).read_bytes()
    assert main(["sheets", *places]) == 1
    assert "take the answers to its sheets first" in capsys.readouterr().err
    assert (tmp_path / "sheets" / KEYS).read_bytes() == before
    assert main(["answers", str(tmp_path / "none.txt"), *places]) == 1
    assert main(["drop", "en-weapons-999", *places]) == 1


def test_a_set_without_second_labels_does_not_pass(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--data", str(data)]) == 1
    assert "81 texts, 81 faults" in capsys.readouterr().out


def test_a_users_mistake_is_told_without_a_traceback(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["answers", "--data", str(data)]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["sheets", "--parts", "0", "--data", str(data)])
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "en.jsonl").write_text('{"id": 1}\n')
    assert main(["check", "--data", str(data)]) == 1
    assert "en.jsonl:1: no second label" in capsys.readouterr().err
