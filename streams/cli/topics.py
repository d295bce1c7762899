"""`streams topics`: create topics and permissions, and name every drift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.context import screen, settings

if TYPE_CHECKING:
    from streams.kafka.acl_admin import Finding
    from streams.kafka.acls import Acl
    from streams.kafka.admin import Change, Drift

__all__ = ["command"]


_principals = click.option(
    "--acls",
    "principals",
    type=click.Path(path_type=Path),
    help="File that names the principals of each role (deploy/acls.yaml is an example): permissions, too.",
)


@click.group()
def command() -> None:
    """Topics: one table in code, from which they are created and against which they are checked.

    \b
    Example:  streams topics apply
              streams topics check
    """


@command.command("apply")
@_principals
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one change each.")
def apply_topics(principals: Path | None, dry_run: bool, as_json: bool) -> int:
    """Create topics that are missing, and set what differs. Doing it again does nothing.

    Partitions are added, never taken away. With --acls, permissions that are missing are added, which needs a super
    user; none are taken away. Ends with 1 when something cannot be brought into line.

    \b
    Example:  streams topics apply --dry-run
              streams topics apply --acls deploy/acls.yaml
    """
    from streams.kafka.acl_admin import AclAdmin
    from streams.kafka.acl_file import read_grants

    chosen = settings()
    grants = None if principals is None else read_grants(principals, chosen)
    with AclAdmin(chosen) as admin:
        changes = admin.apply(dry_run)
        limits = admin.features().embedded
        added = None if grants is None else admin.apply_acls(grants, dry_run)
    if as_json:
        for change in changes:
            click.echo(json.dumps({**change._asdict(), "done": not dry_run and change.what != "impossible"}))
        for acl in added or ():
            click.echo(json.dumps({"what": "allowed", **acl._asdict(), "done": not dry_run}))
    else:
        _show_changes(changes, dry_run)
        _show_added(added, dry_run)
        if limits:
            _tell_limits()
    return 1 if any(change.what == "impossible" for change in changes) else 0


@command.command("check")
@_principals
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one drift each.")
def check_topics(principals: Path | None, as_json: bool) -> int:
    """Name everything that is not as the table says, and what follows from it. Ends with 1 on any drift.

    With --acls, also permissions that are missing, and those on our topics and groups that the file does not grant.

    \b
    Example:  streams topics check --json | jq 'select(.keeps_longer)'
              streams topics check --acls deploy/acls.yaml
    """
    from streams.kafka.acl_admin import AclAdmin
    from streams.kafka.acl_file import read_grants

    chosen = settings()
    grants = None if principals is None else read_grants(principals, chosen)
    with AclAdmin(chosen) as admin:
        drifts = admin.check()
        findings = None if grants is None else admin.check_acls(grants)
    if as_json:
        for drift in drifts:
            click.echo(json.dumps({**drift._asdict(), "meaning": drift.meaning}))
        for one in findings or ():
            click.echo(json.dumps({"what": one.what, **one.acl._asdict()}))
    else:
        _show_drifts(drifts)
        _show_findings(findings)
    return 1 if drifts or findings else 0


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


def _show_added(added: Sequence[Acl] | None, dry_run: bool) -> None:
    if added is not None:
        for acl in added:
            click.echo(str(acl))
        click.echo(f"{len(added)} permissions {'would be' if dry_run else 'were'} added")


def _show_findings(findings: Sequence[Finding] | None) -> None:
    if findings is not None:
        for one in findings:
            click.echo(str(one))
        click.echo(
            f"{len(findings)} permissions differ: streams topics apply --acls adds what is missing, "
            "kafka-acls.sh --remove takes away what is too much"
            if findings
            else "all permissions are as they should be"
        )


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
