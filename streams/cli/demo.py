"""`streams demo`: the whole pipeline on this machine, with made-up traffic and a proof at the end."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from streams.demo.proof import Proof
    from streams.demo.screen import Picture
    from streams.demo.show import Demo, Ready

__all__ = ["command"]

LINE_EVERY = 4  # without a terminal, every fourth picture is a line


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running after the proof, until Ctrl-C.")
@click.option("--seconds", default=15.0, type=click.FloatRange(1, 600), show_default=True, help="How long to send.")
@click.option("--rate", default=150.0, type=click.FloatRange(1, 5_000), show_default=True, help="Events a second.")
@click.option(
    "--folder",
    default=".demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where vault, logs and captures lie; made anew each time.",
)
@click.option("--json", "as_json", is_flag=True, help="Only one JSON object with what was proven, on standard output.")
def command(keep: bool, seconds: float, rate: float, folder: Path, as_json: bool) -> int:
    """Run broker, vault, janitor and worker here, send made-up events, and prove what became of them.

    Four accounts send prompts, completions and exchanges in English and Chinese: two whose content is stored sealed,
    one of which nothing is stored, one whose content never leaves the application. Some records are broken on purpose.
    Ends by itself in less than a minute, with exit code 1 when what it promises did not hold.

    \b
    Example:  streams demo
              streams demo --keep          then, in another terminal, what it tells you to try
    """
    from rich.console import Console

    from streams.demo.show import Plan, show

    console = Console(stderr=as_json, highlight=False)
    with _ending(), _Watch(console) as watch:
        with show(Plan(folder, seconds, rate), watch.stage, watch.ready, watch.tell) as demo:
            watch.stop()
            if as_json:
                click.echo(json.dumps(_as_json(demo)))
            else:
                _conclude(console, demo)
            if keep:
                _keep(console)
        console.print(f"[dim]all processes ended; logs, vault and captures are in {folder}[/]")
    return 0 if demo.proof.holds else 1


@contextmanager
def _ending() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C: everything that was started is ended, and a second one does not break that off."""
    told = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in told:
            signal.signal(one, signal.SIG_IGN)
        click.echo("stopping what was started …", err=True)
        raise KeyboardInterrupt

    before = [signal.signal(one, interrupt) for one in told]
    try:
        yield
    finally:
        for one, handler in zip(told, before, strict=True):
            signal.signal(one, handler)


class _Watch:
    """Tells a person how it goes: a live table on a terminal, lines anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._told = 0

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stage(self, what: str) -> None:
        """Something is being started or checked."""
        self.stop()
        self._console.print(f"[dim]{what} …[/]")

    def ready(self, ready: Ready) -> None:
        """Everything runs: where to look."""
        variables = " ".join(f"{name}={value}" for name, value in ready.environment.items() if _needed(name))
        self._console.print(f"\nmetrics   {ready.metrics}", soft_wrap=True)
        self._console.print("look on   in another terminal, while it runs (--keep leaves it running):")
        for line in (f"export {variables}", *_LOOK):
            self._console.print(f"            {line}", soft_wrap=True, markup=False)
        self._console.print()

    def tell(self, picture: Picture, sent: int, rate: float, seconds_left: float) -> None:
        """One picture."""
        from streams.demo.screen import draw, line

        if self._console.is_terminal:
            if self._live is None:
                from rich.live import Live

                self._live = Live(console=self._console, refresh_per_second=4)
                self._live.start()
            self._live.update(draw(picture, sent, rate, seconds_left))
        else:
            if self._told % LINE_EVERY == 0:
                self._console.print(line(picture, sent, rate), soft_wrap=True)
            self._told += 1

    def stop(self) -> None:
        """Leave the last picture as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None


_LOOK = (
    "streams tail violations",
    "streams tail violations --area malware",
    "streams receipts check",
    "streams accounts list",
)


def _needed(name: str) -> bool:
    """Whether other commands need this setting to reach the demonstration."""
    return not name.endswith(("HTTP_PORT", "INTERVAL"))


def _conclude(console: Console, demo: Demo) -> None:
    """The last table, and what was proven."""
    from rich.table import Table

    from streams.demo.screen import draw

    if not console.is_terminal:
        console.print(draw(demo.picture, demo.sent, demo.rate, 0.0))
    table = Table(title="proven", title_justify="left", box=None, show_header=False, padding=(0, 1))
    for held, claim in _claims(demo.proof):
        table.add_row("[green]yes[/]" if held else "[bold red]NO[/]", claim)
    console.print()
    console.print(table)


def _claims(proof: Proof) -> list[tuple[bool, str]]:
    """What is promised, and whether it held."""
    report = proof.receipts
    endings = ", ".join(f"{number:,} {name}" for name, number in report.totals.items())
    searched = f"{proof.scanned.files} files, {proof.scanned.size / 1e6:.1f} MB"
    canaries, controls = len(proof.canaries), len(proof.controls)
    return [
        (report.ok and not report.pending, f"every record accounted for: {endings}; {report.pending} pending"),
        (
            not proof.found_canaries and not proof.scanned.unreadable,
            f"of accounts that store nothing, {len(proof.found_canaries)} of {canaries} canaries lie anywhere "
            f"(searched: {searched}, all topics among them)",
        ),
        (
            len(proof.found_controls) == controls,
            f"the search finds what is there: {len(proof.found_controls)} of {controls} words sent in the clear",
        ),
    ]


def _as_json(demo: Demo) -> dict[str, object]:
    picture, proof = demo.picture, demo.proof
    return {
        "holds": proof.holds,
        "sent": demo.sent,
        "violations": picture.violations,
        "shadow": picture.shadow,
        "dispositions": picture.dispositions,
        "codes": picture.codes,
        "receipts": proof.receipts.as_json(),
        "captured": proof.captured,
        "searched": {"files": proof.scanned.files, "bytes": proof.scanned.size},
        "canaries": {"planted": len(proof.canaries), "found": len(proof.found_canaries)},
        "controls": {"planted": len(proof.controls), "found": len(proof.found_controls)},
    }


def _keep(console: Console) -> None:
    """Wait for Ctrl-C."""
    console.print("\neverything keeps running until Ctrl-C")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
