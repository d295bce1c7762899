"""Signals: an event with its content taken away. No free string: enums, numbers, ids."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.model.account import Facts
from streams.model.event import Metadata, Source

__all__ = ["Gap", "GapReason", "Shape", "Signal"]


class GapReason(StrEnum):
    """Why a detector has no say on an event."""

    FAILED = "failed"
    SKIPPED = "skipped"
    TRUNCATED = "truncated"  # judged in part only: beyond the detector's bound
    UNSUPPORTED_LANGUAGE = "unsupported_language"


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A detector that failed or was skipped, and why. A gap is not "clean"."""

    detector: str
    reason: GapReason


class Shape(msgspec.Struct, frozen=True, gc=False):
    """Size and language of the content. `language` is an ISO 639-1 code, `zh`, or `un` for undetermined."""

    characters: int
    messages: int
    language: str = "un"
    windows: int = 1


class Signal(msgspec.Struct, frozen=True):
    """Source, metadata, the account facts that were used and their version, scores, gaps, shape.

    `scores` has one byte (0–100) a label of `taxonomy.LABELS`; `detectors` is the digest of the detectors' versions.
    """

    source: Source
    meta: Metadata
    facts: Facts
    scores: bytes
    gaps: tuple[Gap, ...]
    shape: Shape
    detectors: str
