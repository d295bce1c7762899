"""`streams skip`: let workers go past a record that cannot be processed."""

from __future__ import annotations

import getpass
import json
import time

import click

from streams.cli.context import settings
from streams.cli.rows import moment, plain
from streams.codec.identity import is_id
from streams.model import Skip

__all__ = ["command"]


@click.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(0))
@click.argument("offset", type=click.IntRange(0))
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line. It is kept: never content.")
@click.option("--by", metavar="NAME", help="Who decides it; default: the user who runs this.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(topic: str, partition: int, offset: int, reason: str, by: str | None, as_json: bool) -> int:
    """Let workers go past one record, unread: for one that ends every worker which reads it.

    The record ends as a dead letter with the code `skipped`, and stands in its receipt as skipped. Workers follow
    within seconds, and read all skips before their first event. There is no way back once it is committed. Ends with 2
    where it would do nothing: an offset that is not in the log, or is committed.

    \b
    Example:  streams skip intake 3 4711 --reason "ends workers with SIGSEGV, case 17"
    """
    from streams.lifecycle.skipping import skip, source_name

    chosen = settings()
    named = source_name(chosen, topic)
    now = time.time_ns() // 1_000_000
    done = skip(chosen, Skip(chosen.cell, named, partition, offset, reason, by_whom(by), now))
    if as_json:
        click.echo(json.dumps({**plain(done.skip), "already": done.already, "unread_before": done.before}))
        return 0
    place = f"{named}/{partition}:{offset}"
    if done.already:
        click.echo(f"{place} is skipped already, since {moment(done.skip.at)}, by {done.skip.by}: {done.skip.reason}")
    else:
        click.echo(f"{place} will be skipped; {done.before} unread records come before it")
    return 0


def by_whom(given: str | None) -> str:
    """Who decides it, as an id."""
    try:
        name = given or getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("nobody knows who runs this: --by NAME") from None
    if not is_id(name):
        raise click.UsageError(f"--by {name}: want 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return name
