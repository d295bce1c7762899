"""`streams janitor`: the process that makes time pass."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

import click

from streams.cli.context import settings
from streams.cli.logs import start_logging

if TYPE_CHECKING:
    from streams.lifecycle.janitor import Janitor, Round

__all__ = ["command"]

LEAST_PATIENCE = 60.0  # seconds without a round until the janitor is not alive


@click.command()
@click.option("--once", is_flag=True, help="One round, then end: 0 when every step went well, else 1.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a round.")
def command(once: bool, as_json: bool) -> int:
    """Make time pass: rotate and end keys, publish public ones, purge behind the commit, check drift.

    Runs until it is told to stop (Ctrl-C, SIGTERM) and finishes the round it is in. A step that fails is named and
    tried again in the next round; the others go on. Metrics and health: janitor.http_host and janitor.http_port.

    \b
    Example:  streams janitor --once
              streams janitor --json | jq .ok
    """
    from streams.lifecycle.running import open_janitor
    from streams.lifecycle.serving import Serving

    chosen = settings()
    start_logging(chosen)
    with open_janitor(chosen) as janitor:
        if once:
            done = janitor.round()
            _tell(done, as_json, full=True)
            return 0 if done.ok else 1
        interval = chosen.janitor.interval
        with (
            Serving(
                chosen.janitor.http_host, chosen.janitor.http_port, _alive(janitor, interval), _ready(janitor)
            ) as serving,
            _until_told() as told,
        ):
            if not as_json:
                click.echo(f"janitor: a round every {interval:g} s; metrics at http://{serving.address}/metrics")
            janitor.run(told.stopped, interval, lambda done: _tell(done, as_json, full=False))
    return 130 if told.number == signal.SIGINT else 0


def _tell(done: Round, as_json: bool, full: bool) -> None:
    if as_json:
        click.echo(json.dumps(done.as_json()))
        sys.stdout.flush()
    elif full:
        for step in done.steps:
            click.echo(f"{step.name:<8} {step.result.value:<7} {step.text}")


def _alive(janitor: Janitor, interval: float) -> Callable[[], str | None]:
    def check() -> str | None:
        idle = monotonic() - janitor.tried_at
        return f"no round for {idle:.0f} s" if idle > max(LEAST_PATIENCE, 3 * interval) else None

    return check


def _ready(janitor: Janitor) -> Callable[[], str | None]:
    def check() -> str | None:
        if janitor.last is None:
            return "no round yet"
        failed = [step.name for step in janitor.last.steps if step.result.value == "failed"]
        return f"failed in the last round: {', '.join(failed)}" if failed else None

    return check


class _Told:
    """Which signal told the command to stop; None so far. A handler that only notes it cannot deadlock."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.number = number

    def stopped(self) -> bool:
        return self.number is not None


@contextmanager
def _until_told() -> Iterator[_Told]:
    """Notes SIGTERM and Ctrl-C, so that the round which runs is finished."""
    told = _Told()
    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
