"""What a demonstration proves at its end: every record accounted for, and what lies where.

Everything that a subscriber of any topic could see, bytes as they are, is captured into the folder. Then the whole
folder (captures, logs, the vault) is searched. The canaries of the no-storage account must be nowhere; those that an
account sent in the clear on purpose must be found, or the search proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from streams.kafka.reading import Reader
from streams.kafka.topics import all_names
from streams.lifecycle.receipts import Report, check_receipts
from streams.lifecycle.scan import Scanned, scan
from streams.settings import Settings

__all__ = ["Proof", "prove"]


class Proof(NamedTuple):
    """The receipts' report, and the search's result for canaries and controls."""

    receipts: Report
    captured: int
    scanned: Scanned
    canaries: tuple[str, ...]
    controls: tuple[str, ...]

    @property
    def found_canaries(self) -> set[str]:
        """Canaries that lie somewhere: must be empty."""
        return {hit.canary for hit in self.scanned.hits} & set(self.canaries)

    @property
    def found_controls(self) -> set[str]:
        """Controls that were found: must be all."""
        return {hit.canary for hit in self.scanned.hits} & set(self.controls)

    @property
    def holds(self) -> bool:
        """Whether everything was accounted for, no canary was found, and every control was."""
        return (
            self.receipts.ok
            and not self.found_canaries
            and self.found_controls == set(self.controls)
            and not self.scanned.unreadable
        )


def capture(settings: Settings, folder: Path) -> int:
    """Write keys and values of every topic's records into one file a topic; returns how many there were."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    with Reader(settings.kafka) as reader:
        for topic in all_names(settings.topics):
            with (folder / topic).open("wb") as file:
                for record in reader.read([topic]):
                    number += 1
                    file.write((record.key or b"") + b"\n" + (record.value or b"") + b"\n")
    return number


def prove(settings: Settings, folder: Path, canaries: Sequence[str], controls: Sequence[str]) -> Proof:
    """Check receipts, capture every topic, search everything under `folder`."""
    report = check_receipts(settings)
    captured = capture(settings, folder / "capture")
    scanned = scan([folder], [*canaries, *controls])
    return Proof(report, captured, scanned, tuple(canaries), tuple(controls))
