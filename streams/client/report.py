"""What a client tells its application: problems, counts, and what happens to an account's content. Never content."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from time import monotonic
from typing import NamedTuple

from streams.errors import ComplianceError

__all__ = ["ErrorCallback", "Problem", "Reason", "Statistics", "log_problem"]

log = logging.getLogger("streams.client")
LOG_SECONDS = 60.0


class Reason(StrEnum):
    """Why an event was dropped, or what stands in the way of sending. Each is a key of the client's counters."""

    # the event was dropped
    INVALID = "invalid"
    CEILING = "ceiling"
    TOO_LARGE = "too_large"
    CLOSED = "closed"
    ACCOUNT_CLOSED = "account_closed"
    NOT_FOLLOWED = "not_followed"
    EDGE_UNAVAILABLE = "edge_unavailable"
    EDGE_FAILED = "edge_failed"
    SEAL_FAILED = "seal_failed"
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"
    INTERNAL = "internal"
    # the event waits and is tried again
    BROKER = "broker"
    FOLLOWING = "following"
    NO_KEY = "no_key"
    UNREADABLE = "unreadable"


REMEDIES: Mapping[Reason, str] = {
    Reason.INVALID: "see the event's fields in docs/sdk.md",
    Reason.CEILING: "the buffer is full: look at the broker, or raise Limits.max_bytes and max_events",
    Reason.TOO_LARGE: "one event is larger than Limits.max_event_bytes, or than the broker takes",
    Reason.CLOSED: "record() was called behind close()",
    Reason.ACCOUNT_CLOSED: "the account is closed: nothing is sent for it",
    Reason.NOT_FOLLOWED: "the account is not among Client(accounts=…), so its storage mode is not known",
    Reason.EDGE_UNAVAILABLE: "an edge account needs detectors: pip install 'compliance-streams[edge]'",
    Reason.EDGE_FAILED: "the detectors failed: the content was not sent",
    Reason.SEAL_FAILED: "the event could not be encoded or sealed: it was not sent",
    Reason.EXPIRED: "the event waited longer than Limits.max_age: look at the broker, the vault and the janitor",
    Reason.UNDELIVERED: "close() ran out of time, or the process forked",
    Reason.INTERNAL: "a defect of the client: please report it",
    Reason.BROKER: "the broker does not take events: look at its address, certificates and permissions",
    Reason.FOLLOWING: "the topics `accounts` and `keys` cannot be read: look at the broker and its permissions",
    Reason.NO_KEY: "no transit key is in force: look at the vault and the janitor",
    Reason.UNREADABLE: "a record of `accounts` or `keys` cannot be read: is this client older than the worker?",
}


class Problem(NamedTuple):
    """One thing that went wrong. `dropped` tells whether an event was lost by it; `str()` names thing and remedy."""

    reason: Reason
    error: ComplianceError
    dropped: bool
    event_id: str | None = None
    sequence: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        what = "event dropped" if self.dropped else "events wait"
        where = f", field {self.field}" if self.field else ""
        number = f", sequence {self.sequence}" if self.sequence is not None else ""
        return f"{what}: {self.reason.value} ({self.error}{where}{number}); {REMEDIES[self.reason]}"


ErrorCallback = Callable[[Problem], object]


class Statistics(NamedTuple):
    """A snapshot of a client's counters.

    `recorded` counts calls of `record()`; when the client is quiet it equals `sent` + all of `dropped` +
    `buffered_events`, which includes those on their way (`in_flight`). `errors` counts every problem by reason, also
    those that passed. `moved` counts strings that were no ids and went into the sealed content; `untold` counts
    problems that came faster than the callback took them; `unremembered` counts account records beyond
    `Limits.max_accounts`.
    """

    producer: str
    recorded: int
    sent: int
    dropped: Mapping[str, int]
    buffered_events: int
    buffered_bytes: int
    in_flight: int
    errors: Mapping[str, int]
    retries: int
    moved: int
    untold: int
    callback_failures: int
    accounts: int
    unremembered: int
    ready: bool


_logged: dict[Reason, float] = {}


def log_problem(problem: Problem) -> None:
    """The callback of a client that was given none: one warning a reason and minute, on logger `streams.client`."""
    now = monotonic()
    if now - _logged.get(problem.reason, -LOG_SECONDS) >= LOG_SECONDS:
        _logged[problem.reason] = now
        log.warning("%s", problem)
