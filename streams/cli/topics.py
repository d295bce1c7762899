"""`streams topics`: create topics and name every drift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streams.cli.context import screen, settings

if TYPE_CHECKING:
    from streams.kafka.admin import Change, Drift

__all__ = ["command"]


@click.group()
def command() -> None:
    """Topics: one table in code, from which they are created and against which they are checked.

    \b
    Example:  streams topics apply
              streams topics check
    """


@command.command("apply")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one change each.")
def apply_topics(dry_run: bool, as_json: bool) -> int:
    """Create topics that are missing, and set what differs. Doing it again does nothing.

    Partitions are added, never taken away. Ends with 1 when something cannot be brought into line.

    \b
    Example:  streams topics apply --dry-run
    """
    from streams.kafka.admin import Admin

    with Admin(settings()) as admin:
        changes = admin.apply(dry_run)
        limits = admin.features().embedded
    if as_json:
        for change in changes:
            click.echo(json.dumps({**change._asdict(), "done": not dry_run and change.what != "impossible"}))
    else:
        _show_changes(changes, dry_run)
        if limits:
            _tell_limits()
    return 1 if any(change.what == "impossible" for change in changes) else 0


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one drift each.")
def check_topics(as_json: bool) -> int:
    """Name everything that is not as the table says, and what follows from it. Ends with 1 on any drift.

    \b
    Example:  streams topics check --json | jq 'select(.keeps_longer)'
    """
    from streams.kafka.admin import check

    drifts = check(settings())
    if as_json:
        for drift in drifts:
            click.echo(json.dumps({**drift._asdict(), "meaning": drift.meaning}))
    else:
        _show_drifts(drifts)
    return 1 if drifts else 0


def _show_changes(changes: Sequence[Change], dry_run: bool) -> None:
    from rich.table import Table

    console = screen()
    if not changes:
        console.print("all topics are as they should be")
        return
    table = Table("topic", "would be" if dry_run else "was", "", box=None)
    for change in changes:
        style = "bold red" if change.what == "impossible" else None
        table.add_row(change.topic, change.what, change.detail, style=style)
    console.print(table)


def _tell_limits() -> None:
    from streams.kafka.embedded import CANNOT

    click.echo(f"this is the embedded broker, for trying things out; it cannot {'; '.join(CANNOT)}", err=True)


def _show_drifts(drifts: Sequence[Drift]) -> None:
    from rich.table import Table

    console = screen()
    if not drifts:
        console.print("all topics are as they should be", style="green")
        return
    table = Table("topic", "what", "is", "should be", "meaning", box=None)
    for drift in drifts:
        style = "bold red" if drift.keeps_longer else None
        table.add_row(drift.topic, drift.kind, drift.actual, drift.expected, drift.meaning, style=style)
    console.print(table)
    longer = sum(drift.keeps_longer for drift in drifts)
    console.print(f"{len(drifts)} drifts, {longer} of which keep records longer than promised: streams topics apply")
