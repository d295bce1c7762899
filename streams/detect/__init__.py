"""Content to findings. One detector family a file, one scan for all of them; nothing of policy.

`load_detectors` is the way in; it needs the extra `edge`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.detect.engine import DetectorSet

__all__ = ["load_detectors"]


def load_detectors(lexicons: Path | None = None) -> DetectorSet:
    """All detectors, with the built-in lexicons or those in a folder. Takes about a second; do it once.

    Raises `PolicyError` with file, line, caret and hint for a lexicon that does not hold.
    """
    from streams.detect.engine import load

    return load(lexicons)
