"""`streams receipts`: whether every offset is accounted for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from streams.cli.context import interactive, screen, settings

if TYPE_CHECKING:
    from streams.lifecycle.summing import Report, SourceReport

__all__ = ["command"]


@click.group()
def command() -> None:
    """Receipts: what became of every offset.

    \b
    Example:  streams receipts check
    """


@command.command()
@click.option("--topic", help="One source topic only, e.g. intake.")
@click.option(
    "--from-start",
    is_flag=True,
    help="Demand that accounting begins at offset 0, though the oldest receipts may have gone (they live 30 days).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(topic: str | None, from_start: bool, as_json: bool) -> int:
    """Add up all receipts: gaps, repeats, conflicts, totals by disposition, and what is pending.

    Ends with 1 on a gap, a conflict, a receipt that cannot be read, or one for offsets that are not there. Offsets
    that no receipt has reached yet are pending, which is no failure. The same offset accounted for again is a repeat:
    counted once, as it ended first. docs/operations.md says which repeats are conflicts.

    \b
    Example:  streams receipts check --topic intake
              streams receipts check --json | jq '.ok, .totals'
    """
    from streams.lifecycle.receipts import check_receipts

    def progress(number: int) -> None:
        click.echo(f"\r{number} receipts", nl=False, err=True)

    report = check_receipts(settings(), topic, from_start, progress if interactive() and not as_json else None)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _show(report)
    return 0 if report.ok else 1


def _show(report: Report) -> None:
    from rich.table import Column, Table

    table = Table(
        Column("source", overflow="fold"), "offsets", "accounted", "repeats", "pending", "endings", "", box=None
    )
    told = [one for one in report.sources if one.accounted or one.pending or not one.ok]
    for one in told:
        table.add_row(
            f"{one.place.topic}/{one.place.partition}",
            f"{one.first}–{one.next - 1}" if one.accounted else "–",
            str(one.accounted),
            str(one.repeats),
            "log not here" if one.pending is None else str(one.pending),
            " ".join(f"{name}={number}" for name, number in one.totals.items()) or "–",
            "[green]sound[/]" if one.ok else "[bold red]not sound[/]",
        )
    console = screen()
    if told:
        console.print(table)
    if len(told) < len(report.sources):
        console.print(f"{len(report.sources) - len(told)} partitions hold nothing and have no receipts")
    for one in report.sources:
        for line in _findings(one):
            console.print(line, markup=False, soft_wrap=True)
    totals = ", ".join(f"{number} {name}" for name, number in report.totals.items()) or "nothing yet"
    console.print(f"{report.receipts} receipts: {totals}; {report.pending} pending", markup=False, soft_wrap=True)
    if report.unreadable:
        console.print(f"{report.unreadable} receipts cannot be read", style="bold red")
    verdict = "every offset is accounted for" if report.ok else "NOT every offset is accounted for, once"
    if report.skipped:
        verdict += f"; {report.skipped} of them skipped, and not processed"
    style = "yellow" if report.skipped else "green"
    console.print(verdict, style=style if report.ok else "bold red")


def _findings(one: SourceReport) -> list[str]:
    where = f"{one.place.topic}/{one.place.partition}"
    lines = []
    if one.gap_count:
        named = ", ".join(f"{low}–{high}" if high > low else str(low) for low, high in one.gaps[:10])
        more = f" and {one.gap_count - 10} more" if one.gap_count > 10 else ""
        lines.append(f"{where}: gap of {one.gap_offsets} offsets: {named}{more}")
    for (first, later), number in one.conflicts.items():
        lines.append(f"{where}: conflict: {number} offsets ended {first}, and later {later}")
    for (first, later), number in one.different.items():
        lines.append(f"{where}: {number} repeats ended {later}; they had ended {first}, which stands")
    if one.uncompared:
        lines.append(f"{where}: {one.uncompared} repeats lie so far back that their endings were not compared")
    if one.beyond:
        lines.append(f"{where}: receipts for {one.beyond} offsets behind the end of the log: was the topic made anew?")
    if one.skipped:
        named = ", ".join(map(str, one.skipped[:10]))
        more = f" and {len(one.skipped) - 10} more" if len(one.skipped) > 10 else ""
        lines.append(f"{where}: skipped by hand, not processed: {named}{more}")
    if one.malformed:
        lines.append(f"{where}: {one.malformed} impossible runs of offsets")
    return lines
