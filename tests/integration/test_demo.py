"""`streams demo` shows every area, proves what it promises, and leaves nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.model import AREAS

pytestmark = pytest.mark.broker


def demo(*arguments: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "demo", *arguments], capture_output=True, text=True, timeout=120, cwd=at
    )


def test_it_proves_what_it_promises_with_violations_of_every_area(tmp_path: Path) -> None:
    folder, here = tmp_path / "demo", tmp_path / "here"
    here.mkdir()
    done = demo("--json", "--seconds", "6", "--folder", str(folder), at=here)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["holds"] is True
    assert set(told["violations"]) == {area.value for area in AREAS}
    assert told["dispositions"]["dead_letter"] == 7
    assert sum(told["dispositions"].values()) == told["sent"] == sum(told["receipts"]["totals"].values())
    assert told["canaries"] == {"planted": 6, "found": 0}
    assert told["controls"] == {"planted": 6, "found": 6}
    assert str(folder) not in running(), "no process of it is left"
    assert list(here.iterdir()) == [], "it writes into its folder alone"


def running() -> str:
    """Environments and command lines of all processes that can be read."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "environ").read_text(errors="replace"))
        except OSError:
            found.append("")  # not ours, or gone by now
    return "\n".join(found)


def test_a_folder_that_is_not_a_demos_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep this")
    done = demo("--folder", str(tmp_path))
    assert done.returncode == 2
    assert "is not empty and not a demo's folder" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "keep this"
