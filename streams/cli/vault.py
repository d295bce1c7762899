"""`streams vault`: the process that holds private keys, and how it is."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime

import click

from streams.cli.context import settings
from streams.cli.logs import start_logging
from streams.vault.client import ControlClient

__all__ = ["command"]


@click.group()
def command() -> None:
    """The process that holds private keys.

    Run one a deployment; workers and the janitor reach it over Unix sockets in its folder (STREAMS_VAULT__DIRECTORY),
    or over TLS with client certificates (STREAMS_VAULT__LISTEN; for clients STREAMS_VAULT__URL).
    """


@command.command()
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), help="Also serve /metrics, /livez, /readyz on 127.0.0.1:PORT."
)
@click.option(
    "--end-lost",
    is_flag=True,
    help="Give up keys whose key-encryption key is missing. What was sealed to them stays closed for ever.",
)
def serve(metrics_port: int | None, end_lost: bool) -> int:
    """Serve until stopped (Ctrl-C or SIGTERM).

    \b
    Example: STREAMS_VAULT__DIRECTORY=/var/lib/streams/vault streams vault serve
    """
    from streams.vault.server import serve as run
    from streams.vault.server import sockets

    chosen = settings()
    start_logging(chosen)
    worker, control = sockets(chosen.vault)

    def ready() -> None:
        network = f", over TLS at {chosen.vault.listen}" if chosen.vault.listen else ""
        click.echo(f"vault: workers at {worker}, administration at {control}{network}")

    told = asyncio.run(run(chosen, metrics_port, ready, end_lost))
    return 130 if told == signal.SIGINT else 0


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> int:
    """Say how many keys there are, what ends next, and what should have ended.

    Exit code 1 when keys are overdue, 3 when the vault does not answer.
    """
    found = ControlClient.of(settings()).status()
    if as_json:
        click.echo(json.dumps(found))
    else:
        kinds = ", ".join(f"{number} {kind}" for kind, number in found["keys"].items()) or "none"
        click.echo(f"keys:                {kinds}")
        click.echo(f"oldest readable day: {found['oldest_readable_day'] or 'none'}")
        click.echo(f"next end:            {_when(found['next_end'])}")
        click.echo(f"overdue:             {found['overdue']}")
        if found["ending"]:
            click.echo(f"still ending:        {', '.join(found['ending'])}: something holds the database open")
    return 1 if found["overdue"] else 0


def _when(at_ms: int | None) -> str:
    return "none" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
