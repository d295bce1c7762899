"""What a demonstration shows while it runs: areas, dispositions, throughput and lag, read from the metrics."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.metrics import samples
from streams.model import AREAS, Disposition

__all__ = ["Picture", "draw", "line", "read"]


class Picture(NamedTuple):
    """Numbers at one moment: violations by area and stage, offsets by disposition, lag in records."""

    violations: dict[str, int]
    shadow: dict[str, int]
    dispositions: dict[str, int]
    codes: dict[str, int]
    lag: int

    @property
    def total(self) -> int:
        """Offsets that have ended."""
        return sum(self.dispositions.values())


def read(exposition: str) -> Picture:
    """A picture from Prometheus' text format; unknown metrics are passed over."""
    violations: dict[str, int] = defaultdict(int)
    shadow: dict[str, int] = defaultdict(int)
    dispositions: dict[str, int] = defaultdict(int)
    codes: dict[str, int] = defaultdict(int)
    lag = 0.0
    for name, labels, value in samples(exposition):
        if name == "streams_violations_total":
            (shadow if labels["stage"] == "shadow" else violations)[labels["area"]] += int(value)
        elif name == "streams_records_total":
            dispositions[labels["disposition"]] += int(value)
        elif name == "streams_rejected_total":
            codes[labels["code"]] += int(value)
        elif name == "streams_lag_records":
            lag += value
    return Picture(violations, shadow, dispositions, codes, int(lag))


def draw(picture: Picture, sent: int, rate: float, seconds_left: float) -> RenderableType:
    """The table that a person watches."""
    areas = Table(title="violations by area", title_justify="left", expand=False)
    areas.add_column("area")
    areas.add_column("enforce", justify="right")
    areas.add_column("shadow", justify="right", style="dim")
    for area in AREAS:
        found, quiet = picture.violations.get(area.value, 0), picture.shadow.get(area.value, 0)
        areas.add_row(area.value, str(found) if found else "·", str(quiet) if quiet else "·")
    ended = Table(title="how offsets ended", title_justify="left", expand=False)
    ended.add_column("disposition")
    ended.add_column("offsets", justify="right")
    for disposition in Disposition:
        number = picture.dispositions.get(disposition.value, 0)
        if number:
            ended.add_row(disposition.value, str(number))
    grid = Table.grid(padding=(0, 4))
    grid.add_row(areas, ended)
    status = Text(
        f"sent {sent:,}   ended {picture.total:,}   {rate:,.0f} events/s   lag {picture.lag:,}   "
        f"{max(0.0, seconds_left):.0f} s to go"
    )
    return Group(grid, status)


def line(picture: Picture, sent: int, rate: float) -> str:
    """The same in one line, for logs and pipes."""
    found = sum(picture.violations.values())
    return (
        f"sent {sent}, ended {picture.total} ({rate:.0f}/s), lag {picture.lag}, violations {found}, "
        f"dead letters {picture.dispositions.get('dead_letter', 0)}, "
        f"not stored {picture.dispositions.get('not_stored', 0)}"
    )
