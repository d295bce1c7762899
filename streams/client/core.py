"""What the synchronous and the asyncio client share: everything but threads, tasks and Kafka libraries."""

from __future__ import annotations

import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from streams.client.buffer import Buffer
from streams.client.config import Connection, Limits
from streams.client.events import Defaults, Draft, FieldError, draft
from streams.client.follow import Following
from streams.client.outgoing import Failure, Outgoing, Preparer
from streams.client.report import ErrorCallback, Problem, Reason, Statistics, log_problem
from streams.errors import BrokerUnavailable, Code, ComplianceError, InvalidEvent
from streams.kafka.reaching import denied
from streams.vault.keyring import PublicKeys
from streams.vault.transit import TransitSealer

if TYPE_CHECKING:
    from streams.pipeline import Detectors

__all__ = ["BATCH_BYTES", "BATCH_EVENTS", "Core", "Options"]

BATCH_EVENTS = 500
BATCH_BYTES = 2 * 1024 * 1024
PROBLEMS = 1_000  # told to the callback; more at once are counted only
QUIET_SECONDS = 10.0  # between two calls of the callback for the same passing problem
BACKOFF = (0.1, 5.0)
NEVER_FITS = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError", "RecordTooLargeException"})


@dataclass(frozen=True, slots=True)
class Options:
    """All that a client was told."""

    connection: Connection
    prefix: str = "compliance."
    application: str | None = None
    region: str | None = None
    accounts: Iterable[str] | None = None
    on_error: ErrorCallback | None = None
    limits: Limits = field(default_factory=Limits)


def _now_ms() -> int:
    return int(time() * 1000)


def load_edge_detectors() -> Detectors:
    """The detectors of the extra `[edge]`; the same code and lexicons as the worker's."""
    from streams.detect import load_detectors

    detectors: Detectors = load_detectors()
    return detectors


class Core:
    """Counts, checks, buffers, seals. Safe for threads; no method waits for anything but a short lock."""

    def __init__(self, options: Options, wake: Callable[[], None]) -> None:
        self.options = options
        self.limits = options.limits
        self.producer = secrets.token_hex(8)
        self.buffer = Buffer(options.limits)
        keys = PublicKeys()
        self.following = Following(keys, options.accounts, options.limits.max_accounts, self.trouble)
        self.preparer = Preparer(self.following, TransitSealer(keys, _now_ms), load_edge_detectors)
        self.closed = False
        self._wake = wake
        self._defaults = Defaults(self.producer, options.application, options.region)
        self._sequence = count(1)
        self._lock = RLock()
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._problems: deque[Problem] = deque()
        self._told: dict[Reason, float] = {}
        self._failures = 0
        self._stumbled_until = 0.0
        self._retry_at = 0.0

    # -- in the model call -------------------------------------------------------------------------------------------

    def record(self, unexpected: Sequence[object], fields: Mapping[str, Any]) -> str | None:
        """Check and buffer one event. Never raises, never waits; the event's id, or None when it was dropped."""
        sequence = next(self._sequence)
        try:
            with self._lock:
                self._counts["recorded"] += 1
            if unexpected:
                raise FieldError("positional arguments", Code.WRONG_TYPE)
            return self._accept(draft(fields, self._defaults, sequence))
        except FieldError as error:
            self._drop(Problem(Reason.INVALID, error.error, True, None, sequence, error.field))
        except Exception as error:  # an argument may do anything when it is looked at; the model call must go on
            self._drop(Problem(Reason.INTERNAL, ComplianceError(type(error).__name__), True, None, sequence))
        return None

    def _accept(self, new: Draft) -> str | None:
        new.recorded_at = monotonic()
        reason = self._refusal(new)
        if reason is None and not self.buffer.offer(new):
            reason = Reason.CEILING
        if reason is not None:
            self._drop_draft(new, reason, ComplianceError(reason.value))
            return None
        if new.moved:
            self._count("moved", new.moved)
        self._wake()
        return new.meta.event_id

    def _refusal(self, new: Draft) -> Reason | None:
        if self.closed:
            return Reason.CLOSED
        if new.text_bytes > self.limits.max_event_bytes:
            return Reason.TOO_LARGE
        if not self.following.follows(new.meta.account):
            return Reason.NOT_FOLLOWED
        return None

    # -- in the background -------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether modes and keys are known as of now: only then anything is sent."""
        return self.following.fresh(monotonic(), self.limits.follow_age)

    def may_send(self, now: float) -> bool:
        """Whether the pause behind the last failure is over."""
        return now >= self._retry_at

    def pause(self, now: float) -> float:
        """Seconds for which the sender may sleep if nothing wakes it."""
        if self.buffer.waiting and self.ready:
            return min(1.0, max(0.02, self._retry_at - now))
        return 0.5

    def next_batch(self, now: float) -> list[Outgoing]:
        """What may be sent now. Each is to be answered by `sent` or `failed`."""
        for old in self.buffer.take_older(now - self.limits.max_age):
            self._end(old, Reason.EXPIRED, ComplianceError(f"waited longer than {self.limits.max_age:g} s"))
        room = self.limits.max_bytes // 2 - self.buffer.flying_bytes
        if not self.ready or not self.may_send(now) or room <= 0:
            return []
        going: list[Outgoing] = []
        waiting: list[Draft] = []
        for result in self.preparer.prepare(self.buffer.take(BATCH_EVENTS, min(room, BATCH_BYTES))):
            if isinstance(result, Outgoing):
                going.append(result)
            elif result.dropped:
                self._end(result.draft, result.reason, result.error)
            else:
                self._wait(result)
                waiting.append(result.draft)
        self.buffer.put_back(waiting)
        return going

    def _wait(self, failure: Failure) -> None:
        self.trouble(failure.reason, failure.error)
        self._retry_at = max(self._stumbled_until, monotonic() + 0.25)

    def sent(self, done: Draft) -> None:
        """The broker has an event on all in-sync replicas."""
        if self.closed and not self.buffer.flying:
            return
        self._failures = 0
        self._count("sent", 1)
        self.buffer.end(done)

    def failed(self, drafts: Sequence[Draft], error: BaseException) -> None:
        """The broker did not take events: they wait and are sent again."""
        if self.closed and not self.buffer.flying:
            return
        self._count("retries", len(drafts))
        self.buffer.put_back(drafts)
        self.stumbled(Reason.BROKER, error)

    def never_fits(self, draft: Draft, error: BaseException) -> bool:
        """Whether an event is larger than the broker will ever take. Then it is dropped here."""
        name = type(error).__name__
        if name not in NEVER_FITS:
            return False
        self._end(draft, Reason.TOO_LARGE, ComplianceError(name))
        return True

    def stumbled(self, reason: Reason, error: BaseException) -> None:
        """Something in the background failed: tell it, and wait a little longer each time.

        A thousand events that fail at once are one failure, not a thousand.
        """
        now = monotonic()
        if now >= self._stumbled_until:
            self._failures += 1
            least, most = BACKOFF
            self._stumbled_until = self._retry_at = now + min(most, least * 2 ** min(self._failures, 10))
        self.trouble(reason, error)

    def trouble(self, reason: Reason, error: BaseException) -> None:
        """Count a passing problem, and tell it unless it was told a moment ago."""
        now = monotonic()
        with self._lock:
            self._errors[reason.value] += 1
            if now - self._told.get(reason, -QUIET_SECONDS) < QUIET_SECONDS:
                return
            self._told[reason] = now
        self._tell(Problem(reason, self._ours(error), False))

    def _ours(self, error: BaseException) -> ComplianceError:
        if isinstance(error, ComplianceError):
            return error
        return denied(error, self.options.connection, "send or follow") or BrokerUnavailable(type(error).__name__)

    def abandon(self) -> None:
        """The end: what was not acknowledged is dropped, counted and told."""
        left = self.buffer.clear()
        if left:
            with self._lock:
                self._dropped[Reason.UNDELIVERED.value] += left
                self._errors[Reason.UNDELIVERED.value] += left
            self._tell(Problem(Reason.UNDELIVERED, ComplianceError(f"{left} events"), True))
        self.tell_problems()

    # -- counters and callback ---------------------------------------------------------------------------------------

    def count_error(self, reason: Reason) -> None:
        """Count a problem without telling it: telling is what just failed."""
        with self._lock:
            self._errors[reason.value] += 1

    def _count(self, name: str, by: int) -> None:
        with self._lock:
            self._counts[name] += by

    def _end(self, old: Draft, reason: Reason, error: ComplianceError) -> None:
        self.buffer.end(old)
        self._drop_draft(old, reason, error)

    def _drop_draft(self, old: Draft, reason: Reason, error: ComplianceError) -> None:
        self._drop(Problem(reason, error, True, old.meta.event_id, old.meta.sequence))

    def _drop(self, problem: Problem) -> None:
        with self._lock:
            self._dropped[problem.reason.value] += 1
            self._errors[problem.reason.value] += 1
            if isinstance(problem.error, InvalidEvent):
                self._errors[problem.error.code.value] += 1
        self._tell(problem)
        if self.closed:
            self.tell_problems()

    def _tell(self, problem: Problem) -> None:
        if len(self._problems) >= PROBLEMS:
            self._count("untold", 1)
            return
        self._problems.append(problem)
        self._wake()

    def tell_problems(self) -> None:
        """Call the callback for every problem so far. One that raises is contained and counted."""
        callback = self.options.on_error or log_problem
        while (problem := self._next_problem()) is not None:
            try:
                callback(problem)
            except Exception:  # the application's own mistake: it must stop neither sending nor the model call
                self._count("callback_failures", 1)

    def _next_problem(self) -> Problem | None:
        with self._lock:
            return self._problems.popleft() if self._problems else None

    def statistics(self) -> Statistics:
        """A snapshot."""
        with self._lock:
            return Statistics(
                producer=self.producer,
                recorded=self._counts["recorded"],
                sent=self._counts["sent"],
                dropped=dict(self._dropped),
                buffered_events=len(self.buffer),
                buffered_bytes=self.buffer.bytes,
                in_flight=self.buffer.flying,
                errors=dict(self._errors),
                retries=self._counts["retries"],
                moved=self._counts["moved"],
                untold=self._counts["untold"],
                callback_failures=self._counts["callback_failures"],
                accounts=len(self.following),
                unremembered=self.following.unremembered,
                ready=self.ready,
            )
