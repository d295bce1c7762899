"""docs/configuration.md is what `streams settings --reference` prints."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from streams.cli import cli

PAGE = Path(__file__).parents[2] / "docs/configuration.md"


def test_the_page_is_what_the_command_prints() -> None:
    result = CliRunner().invoke(cli, ["settings", "--reference"], standalone_mode=False)
    assert PAGE.read_text(encoding="utf-8") == result.output, "streams settings --reference > docs/configuration.md"
