"""Signal to decision. `bundles/` holds the dated policies as data; `load_policies` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.policy.timeline import Timeline

__all__ = ["BUNDLES", "load_policies"]

BUNDLES = Path(__file__).parent / "bundles"


def load_policies(folder: Path | None = None) -> Timeline:
    """The timeline of all bundles in a folder (one folder each), or of the built-in ones.

    Raises `PolicyError` that shows all mistakes at once, each with file, line, caret and hint.
    """
    from streams.policy.loading import load_timeline

    return load_timeline(folder or BUNDLES)
