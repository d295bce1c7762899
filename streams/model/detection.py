"""What all detectors together say of one content."""

from __future__ import annotations

from typing import NamedTuple

from streams.model.content import Finding
from streams.model.signal import Gap, Shape

__all__ = ["Detection"]


class Detection(NamedTuple):
    """A byte (0–100) a label of the taxonomy, the findings behind them, gaps and shape."""

    scores: bytes
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    shape: Shape
