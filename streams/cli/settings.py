"""`streams settings`: the settings in force, where each comes from, and the page that explains all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import click

from streams.cli.context import given_file, screen, settings
from streams.cli.reference import Row, page, rows, shown
from streams.settings import chosen_file, file_values

__all__ = ["command", "origin"]


@click.command()
@click.option("--reference", is_flag=True, help="Print docs/configuration.md: every setting, explained.")
@click.option("--changed", is_flag=True, help="Only what is not left at its default.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one setting each.")
def command(reference: bool, changed: bool, as_json: bool) -> int:
    """Show the settings in force, and where each comes from: a variable, the file, or the default.

    Secrets are masked. Ends with 2, and every mistake, when the settings do not hold.

    \b
    Example:  streams --config streams.toml settings --changed
              streams settings --json | jq 'select(.name == "kafka.bootstrap")'
    """
    if reference:
        click.echo(page(), nl=False)
        return 0
    chosen, file = settings(), chosen_file(given_file())
    written = file_values(file)
    told = []
    for row in rows():
        value: Any = chosen
        for name in row.path:
            value = getattr(value, name)
        source = origin(row, os.environ, written, str(file))
        if source != "default" or not changed:
            told.append((row, shown(value), source))
    if as_json:
        for row, text, source in told:
            click.echo(json.dumps({"name": row.name, "variable": row.variable, "value": text, "source": source}))
    else:
        _show(told)
    return 0


def origin(row: Row, environment: Mapping[str, str], written: Mapping[str, Any], file: str) -> str:
    """Where a setting comes from. A section may also be given as a whole, as JSON in the variable of its name."""
    variables = {name.upper(): name for name in environment}
    if row.variable in variables:
        return variables[row.variable]
    section = variables.get(f"STREAMS_{row.path[0].upper()}")
    if section is not None and len(row.path) > 1 and _holds(json.loads(environment[section]), row.path[1:]):
        return section
    return file if _holds(written, row.path) else "default"


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def _show(told: list[tuple[Row, str, str]]) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("setting", Column("value", overflow="fold"), Column("from", overflow="fold"), box=None)
    for row, value, source in told:
        style = "dim" if source == "default" else ""
        table.add_row(Text(row.name, style), Text(value, style), Text(source, style))
    screen().print(table)
