"""Documents tell the truth: what they link to is there, commands and make targets that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_COMMAND = re.compile(r"(?<![-\w./])streams ([a-z]+)(?: ([a-z]+))?")
_TEST = re.compile(r"`((?:tests|streams|bench|deploy|schemas)/[\w/.-]+)`")
_MAKE = re.compile(r"`make ([\w-]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_or_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    gone = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    gone += [name for name in _TEST.findall(text) if "<" not in name and not (ROOT / name).exists()]
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    code = re.findall(r"```(?:sh|bash)?\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    code += re.findall(r"`(streams [^`]+)`", page.read_text(encoding="utf-8"))
    wrong = []
    for name, sub in (found for part in code for found in _COMMAND.findall(part)):
        command = cli.get_command(None, name) if name in COMMANDS else None  # type: ignore[arg-type]
        if command is None or (sub and hasattr(command, "commands") and sub not in command.commands):
            wrong.append(f"{name} {sub}")
    assert wrong == []


def test_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {name for page in PAGES for name in _MAKE.findall(page.read_text(encoding="utf-8"))}
    assert named <= targets
