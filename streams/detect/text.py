"""A text as detectors see it: normalised, scanned, with a way back to the original."""

from __future__ import annotations

from collections.abc import Sequence

from streams.model import Span

__all__ = ["Text"]


class Text:
    """One view of (a part of) one message. Its repr shows lengths only.

    `view` is the normalised text. `offsets[i]` is the place in the original of the view's character i, with one more
    entry for the end; None when both are the same but for `base`. `disguised` tells that the view undid a disguise.
    `hits` are (pattern, end in `view`) of the scan, by detector.
    """

    __slots__ = ("base", "disguised", "hits", "language", "message", "offsets", "owner", "view")

    def __init__(
        self,
        owner: int,
        message: int,
        view: str,
        offsets: Sequence[int] | None = None,
        base: int = 0,
        disguised: bool = False,
    ) -> None:
        self.owner = owner
        self.message = message
        self.view = view
        self.offsets = offsets
        self.base = base
        self.disguised = disguised
        self.language = "un"
        self.hits: dict[str, list[tuple[int, int]]] = {}

    def __repr__(self) -> str:
        return f"<Text {len(self.view)} characters, {self.language}>"

    def span(self, start: int, end: int) -> Span:
        """A place in the view as a place in the original message."""
        if self.offsets is None:
            return Span(self.message, self.base + start, self.base + end)
        places = (self.offsets[start], self.offsets[end - 1])
        # In a reversed view the first character comes last.
        return Span(self.message, self.base + min(places), self.base + max(places) + 1)
