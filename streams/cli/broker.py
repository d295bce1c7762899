"""`streams broker`: an embedded Kafka broker for trying things out."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType

import click

__all__ = ["command"]


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=9092, show_default=True, help="0 takes a free one.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="File for what the broker says.")
def command(port: int, log: Path | None) -> int:
    """An embedded Kafka broker on this machine, in memory only: everything is forgotten when it ends (Ctrl-C).

    For trying things out and for quick tests; it cannot do all that a real Kafka does, and says what.

    \b
    Example:  streams broker --port 9092 &
              streams topics apply
    """
    from streams.kafka.embedded import CANNOT, EmbeddedBroker

    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with EmbeddedBroker(port, log) as broker:
            click.echo(f"broker at {broker.bootstrap} (memory only; Ctrl-C ends it)")
            click.echo(f"it cannot {'; '.join(CANNOT)}", err=True)
            while broker.alive and not told:
                time.sleep(0.1)
            if not told:
                click.echo("streams: the broker ended by itself", err=True)
                return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 130 if told[0] == signal.SIGINT else 0
