"""Outcomes: what became of one input."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from streams.errors import Code
from streams.model.decision import Decision
from streams.model.event import Disposition, Rejected, Source
from streams.model.signal import Signal

__all__ = ["Outcome"]

C = TypeVar("C")


class Outcome(msgspec.Struct, Generic[C], frozen=True):
    """Source, disposition, signal, decision, and what to keep, if anything.

    `C` is `Evidence` before sealing and `Sealed` behind it; delivery takes `Outcome[Sealed]` only, so it cannot be
    handed content. `code` says why, wherever the disposition or the treatment is not the ordinary one.
    """

    source: Source
    disposition: Disposition
    signal: Signal | None = None
    decision: Decision | None = None
    keep: C | None = None
    code: Code | None = None
    rejected: Rejected | None = None
