"""`streams doctor`: what is wrong with a deployment, and what to do about it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streams.cli.context import screen, settings
from streams.errors import SettingsError

if TYPE_CHECKING:
    from streams.doctor import Result

__all__ = ["command"]

_STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red", "not_checked": "dim"}


@click.command()
@click.option("--without", metavar="CHECK", multiple=True, help="Leave a check out, e.g. janitor where none runs.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one remark each.")
def command(without: tuple[str, ...], as_json: bool) -> int:
    """Look at everything that this machine can see of a deployment: what is wrong, where, and what to do.

    Every check has its own time limit. It changes nothing, and commits nothing. Ends with 0 when there is nothing to
    do, 1 on any warning or wrong. What was not looked at is told as such, with the reason.

    \b
    Example:  streams doctor
              streams doctor --without janitor --without vault
              streams doctor --json | jq 'select(.state == "wrong")'
    """
    from streams.doctor import CHECKS, examine

    names = [check.name for check in CHECKS]
    for name in without:
        if name not in names:
            raise click.BadParameter(f"{name!r} is no check: one of {', '.join(names)}", param_hint="--without")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it meets is told by a check
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    try:
        chosen = settings()
    except SettingsError as error:
        results = _unsettled(names, str(error))
    else:
        results = examine(CHECKS, chosen, without)
    if as_json:
        for line in (one for result in results for one in result.as_json()):
            click.echo(json.dumps(line, ensure_ascii=False))
    else:
        _show(results)
    return 0 if all(result.sound for result in results) else 1


def _unsettled(names: Sequence[str], why: str) -> list[Result]:
    """Wrong settings: nothing else can be looked at."""
    from streams.doctor.remark import not_checked, wrong
    from streams.doctor.running import Result

    first = Result(names[0], (wrong(why, "--config, STREAMS_…", "streams settings --reference shows all"),), 0.0)
    return [first, *(Result(name, (not_checked("settings are wrong"),), 0.0) for name in names[1:])]


def _show(results: Sequence[Result]) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    console = screen()
    table = Table("check", Column("", no_wrap=True), Column("what, where, what to do", overflow="fold"), box=None)
    for result in results:
        for number, remark in enumerate(result.remarks):
            state = Text(remark.state.value.replace("_", " "), _STYLES[remark.state.value])
            told = Text(remark.what)
            if remark.where:
                told.append(f"  {remark.where}", "dim")
            if remark.remedy:
                told.append(f"\n→ {remark.remedy}", "bold")
            table.add_row("" if number else result.check, state, told)
    console.print(table)
    tally = [remark.state.value for result in results for remark in result.remarks]
    counted = ", ".join(f"{tally.count(name)} {name.replace('_', ' ')}" for name in _STYLES if name in tally)
    console.print(counted, style="green" if all(result.sound for result in results) else "bold red")
