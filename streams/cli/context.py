"""What all commands share: the settings named on the command line, and how output looks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from streams.settings import Settings

__all__ = ["CONFIG_KEY", "given_file", "interactive", "screen", "settings"]

CONFIG_KEY = "streams.config"
PIPED_COLUMNS = 160


def settings() -> Settings:
    """The deployment's settings: `--config`, else `STREAMS_CONFIG`, else defaults; `SettingsError` lists mistakes."""
    from streams.settings import load

    return load(given_file())


def given_file() -> Path | None:
    """The settings file that the command line names."""
    context = click.get_current_context(silent=True)
    chosen = context.find_root().meta.get(CONFIG_KEY) if context is not None else None
    return Path(chosen) if chosen else None


def interactive() -> bool:
    """Whether a person watches standard error: only then are progress bars drawn."""
    return sys.stderr.isatty()


def screen() -> Console:
    """Standard output for tables: as wide as the terminal; in a pipe or file so wide that nothing is cut."""
    from rich.console import Console

    there = Console(highlight=False)
    return there if there.is_terminal else Console(highlight=False, width=PIPED_COLUMNS)
