"""What every client offers inside the model call: `record`, `mode`, `what_happens`, counters."""

from __future__ import annotations

from typing import Never, Unpack

from streams.client.core import Core
from streams.client.events import EventFields
from streams.client.report import Statistics
from streams.model import AccountState, StorageMode

__all__ = ["Surface", "explain"]

_WHAT: dict[StorageMode, str] = {
    StorageMode.STANDARD: (
        "Content leaves this application sealed; it is judged, and stored sealed for less than 30 days."
    ),
    StorageMode.NO_STORAGE: (
        "Content leaves this application sealed under a key that lives an hour; it is judged and not stored."
    ),
    StorageMode.EDGE: "Content never leaves this application: it is judged here, and only scores are sent.",
}


def explain(mode: StorageMode | None, known: bool, closed: bool) -> str:
    """What happens to content, in one sentence for people."""
    if mode is None:
        return "Not known yet: events wait in memory until the account's storage mode was read."
    if closed:
        return "The account is closed: its events are dropped in this application."
    return _WHAT[mode] if known else f"Nobody has set this account. {_WHAT[mode]}"


class Surface:
    """The methods that neither wait nor raise, on whatever delivers behind them."""

    _core: Core

    def record(self, *unexpected: Never, **fields: Unpack[EventFields]) -> str | None:
        """Hand over one event: `record(account="acme", prompt="…", completion="…")`.

        Returns the event's id, or None when it was dropped; then the callback and the counters say why. Never waits,
        never raises, whatever is passed, and does not change what is passed. Every call takes a sequence number,
        so that dropped events show as gaps.
        """
        return self._core.record(unexpected, fields)

    def mode(self, account: str, application: str | None = None) -> StorageMode | None:
        """The storage mode that an event of this account would get now; None as long as it is not known.

        An account that nobody has set gets the protective `no_storage`.
        """
        following = self._core.following
        if not following.was_read or not following.follows(account):
            return None
        return following.mode(account, application or self._core.options.application, None)

    def what_happens(self, account: str, application: str | None = None) -> str:
        """What happens to this account's content, in a sentence that may be shown to people."""
        known = self._core.following.account(account)
        closed = known is not None and known.state is AccountState.CLOSED
        return explain(self.mode(account, application), known is not None, closed)

    @property
    def statistics(self) -> Statistics:
        """A snapshot of the counters."""
        return self._core.statistics()

    @property
    def producer(self) -> str:
        """The random id that this client's events carry, with a sequence number each."""
        return self._core.producer

    @property
    def ready(self) -> bool:
        """Whether modes and keys are known, so that events leave the buffer."""
        return self._core.ready
