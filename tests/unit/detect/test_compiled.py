"""The compiled patterns are kept, and what is kept is used only where it can be trusted."""

from __future__ import annotations

from pathlib import Path

import hyperscan
import pytest

from streams.detect.compiled import KEPT, database

EXPRESSIONS = [rb"\brob\b", rb"\bbank\b"]


def ends(found: hyperscan.Database, text: bytes) -> list[tuple[int, int]]:
    hits: list[tuple[int, int]] = []

    def hit(pattern: int, start: int, end: int, flags: int, context: object) -> None:
        hits.append((pattern, end))

    found.scan(text, match_event_handler=hit, scratch=hyperscan.Scratch(found))
    return hits


def kept(folder: Path) -> Path:
    (path,) = folder.glob("*.hs")
    return path


def test_what_is_kept_finds_the_same(tmp_path: Path) -> None:
    text = b"rob the bank, not the robber"
    first = ends(database(EXPRESSIONS, tmp_path), text)
    assert first == [(0, 3), (1, 12)]
    assert ends(database(EXPRESSIONS, tmp_path), text) == first


def test_other_expressions_are_kept_apart(tmp_path: Path) -> None:
    database(EXPRESSIONS, tmp_path)
    assert ends(database([rb"tea"], tmp_path), b"rob the tea") == [(0, 11)]
    assert len(list(tmp_path.glob("*.hs"))) == 2


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 4000])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    database(EXPRESSIONS, tmp_path)
    good = kept(tmp_path).read_bytes()
    kept(tmp_path).write_bytes(damage)
    assert ends(database(EXPRESSIONS, tmp_path), b"rob") == [(0, 3)]
    assert kept(tmp_path).read_bytes() == good


def test_a_file_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    database(EXPRESSIONS, tmp_path)
    kept(tmp_path).chmod(0o666)
    database(EXPRESSIONS, tmp_path)
    assert kept(tmp_path).stat().st_mode & 0o077 == 0, "it was compiled and written again"


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert ends(database(EXPRESSIONS, tmp_path / "file"), b"bank") == [(1, 4)]


def test_a_bad_expression_is_an_error_of_the_compiler(tmp_path: Path) -> None:
    with pytest.raises(hyperscan.error):
        database([rb"(unclosed"], tmp_path)


def test_what_older_lexicons_left_is_forgotten(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        database([b"tea%d" % number], tmp_path)
    assert len(list(tmp_path.glob("*.hs"))) == KEPT
