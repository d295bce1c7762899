"""`streams worker`: one worker, or several under supervision."""

from __future__ import annotations

import click

from streams.cli.context import CONFIG_KEY, settings
from streams.cli.logs import start_logging

__all__ = ["command"]


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes: one a core.")
@click.option("--index", type=click.IntRange(0, 63), hidden=True, help="Which of several workers this is.")
@click.pass_context
def command(ctx: click.Context, workers: int, index: int | None) -> int:
    """Tag events until stopped: decode, open, detect, decide, seal, deliver, commit.

    Needs Kafka with its topics (`streams topics apply`), the vault (`streams vault serve`) and the janitor. Serves
    /metrics, /livez and /readyz on STREAMS_WORKER__HTTP_PORT; worker N of several adds N. Ctrl-C or SIGTERM ends it:
    what was taken is delivered and committed, or left uncommitted.

    \b
    Example: streams worker --workers 2
    """
    chosen = settings()
    start_logging(chosen)
    if workers == 1 or index is not None:
        from streams.vault.harden import end_with_parent
        from streams.worker.app import run

        if index is not None:
            end_with_parent()
        run(chosen, index or 0)
        return 0
    from streams.worker.supervise import Supervisor, worker_command

    config = ctx.find_root().meta.get(CONFIG_KEY)
    return Supervisor(workers, lambda number: worker_command(number, config)).run()
