"""`streams worker`: one worker, or several under supervision; and taking them out of service."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from streams.cli.context import CONFIG_KEY, settings
from streams.cli.logs import start_logging

if TYPE_CHECKING:
    from streams.cli.draining import Drained

__all__ = ["command"]


@click.group(invoke_without_command=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes: one a core.")
@click.option("--index", type=click.IntRange(0, 63), hidden=True, help="Which of several workers this is.")
@click.option("--supervisor", type=click.IntRange(1), hidden=True, help="The process that starts it again.")
@click.pass_context
def command(ctx: click.Context, workers: int, index: int | None, supervisor: int | None) -> int:
    """Tag events until stopped: decode, open, detect, decide, seal, deliver, commit.

    Needs Kafka with its topics (`streams topics apply`), the vault (`streams vault serve`) and the janitor. Serves
    /metrics, /livez and /readyz on STREAMS_WORKER__HTTP_PORT; worker N of several adds N. Ctrl-C or SIGTERM ends it:
    what was taken is delivered and committed, or left uncommitted.

    \b
    Example: streams worker --workers 2
    """
    if ctx.invoked_subcommand is not None:
        return 0
    chosen = settings()
    start_logging(chosen)
    if workers == 1 or index is not None:
        from streams.vault.harden import end_with_parent
        from streams.worker.app import run
        from streams.worker.process import identify

        if index is not None:
            end_with_parent()
        # A parent that has died meanwhile is no supervisor, whoever has its number by now.
        run(chosen, index or 0, identify(supervisor) if supervisor == os.getppid() else None)
        return 0
    from streams.worker.supervise import Supervisor, worker_command

    config = ctx.find_root().meta.get(CONFIG_KEY)
    return Supervisor(workers, lambda number: worker_command(number, config)).run()


@command.command()
@click.option("--pid", type=click.IntRange(1), help="Only this worker, or this supervisor and its workers.")
@click.option("--timeout", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds to wait at most.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: how far it is, every half second.")
def drain(pid: int | None, timeout: float, as_json: bool) -> int:
    """Take this machine's workers out of service: they finish what is in flight, commit, leave the group, and end.

    Finds them by their pages (STREAMS_WORKER__HTTP_PORT) and sends SIGTERM; several under one supervisor end together,
    as it would start one again. Ends with 0 once all have ended, with 1 when some still run after the time-out: they
    go on draining, and nothing is killed. Ends with 3 where no worker runs.

    \b
    Example:  streams worker drain --timeout 120
    """
    from streams.cli.draining import drain as take_out

    def told(now: Drained) -> None:
        if as_json:
            click.echo(json.dumps(now._asdict()))
        else:
            waits = f"{now.batches} batches in flight, {now.partitions} partitions"
            click.echo(f"draining {', '.join(map(str, now.running))}: {waits}")

    left = take_out(settings(), pid, timeout, told)
    if left.running:
        who = ", ".join(map(str, left.running))
        click.echo(f"streams: after {timeout:g} s {who} still run, and go on draining; their logs tell why", err=True)
        return 1
    if not as_json:
        click.echo("drained: nothing of this machine's workers runs any more")
    return 0
