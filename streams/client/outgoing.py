"""From a checked event to bytes for Kafka: sealed content, or for an `edge` account a signal without content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import sleep
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streams.client.events import Draft
from streams.client.follow import Following
from streams.client.report import Reason
from streams.codec.records import encode_content, encode_sealed_event, encode_signal
from streams.errors import Code, ComplianceError, InvalidEvent, VaultUnavailable
from streams.model import (
    Accounts,
    AccountState,
    Content,
    Event,
    Message,
    Source,
    StorageMode,
    TransitClass,
)
from streams.model.routing import record_key
from streams.pipeline import Detectors, Rules, take_content_away

if TYPE_CHECKING:
    from streams.model import Decision, Metadata, Signal, TransitSealed

__all__ = ["EDGE_SOURCE", "Failure", "Outgoing", "Preparer", "Sealer", "repaired"]

EDGE_SOURCE = Source(cell="", topic="signals", partition=-1, offset=-1, ingested_at=0)  # the worker knows better


class Sealer(Protocol):
    """Seals content to the transit key in force; `streams.vault.transit.TransitSealer` is the one."""

    def seal(self, meta: Metadata, content: bytes, transit_class: TransitClass) -> TransitSealed:
        """Content under a key that only workers can unwrap."""
        ...


class Outgoing(NamedTuple):
    """What goes to Kafka for one event. `topic` is without the deployment's prefix."""

    draft: Draft
    topic: str
    key: bytes
    value: bytes


class Failure(NamedTuple):
    """Why nothing goes to Kafka for one event. `dropped` is false when it may be tried again."""

    draft: Draft
    reason: Reason
    error: ComplianceError
    dropped: bool = True


class Preparer:
    """Turns drafts into bytes, by the storage mode that holds at this moment. Never raises for an event."""

    def __init__(self, following: Following, sealer: Sealer, load: Callable[[], Detectors]) -> None:
        self._following = following
        self._sealer = sealer
        self._load = load
        self._detectors: Detectors | None = None
        self._unavailable: str | None = None

    def prepare(self, drafts: Sequence[Draft]) -> list[Outgoing | Failure]:
        """One result for each draft; those of edge accounts come last, because detectors work on batches."""
        done: list[Outgoing | Failure] = []
        edge: list[Draft] = []
        for draft in drafts:
            sleep(0)  # lets go of the interpreter: the model call waits for one event at most, not for a batch
            meta = draft.meta
            account = self._following.account(meta.account)
            if account is not None and account.state is AccountState.CLOSED:
                done.append(Failure(draft, Reason.ACCOUNT_CLOSED, InvalidEvent(Code.ACCOUNT_CLOSED)))
                continue
            mode = self._following.mode(meta.account, meta.application, meta.storage)
            if mode is StorageMode.EDGE:
                edge.append(draft)
            else:
                done.append(self._seal(draft, mode))
        return done + self._judge(edge) if edge else done

    def _seal(self, draft: Draft, mode: StorageMode) -> Outgoing | Failure:
        chosen = TransitClass.STANDARD if mode is StorageMode.STANDARD else TransitClass.NO_STORAGE
        try:
            sealed = self._sealer.seal(draft.meta, encode_content(repaired(draft.content)), chosen)
            key = record_key(draft.meta.account, _bucket_by(draft))
            return Outgoing(draft, "intake", key, encode_sealed_event(draft.meta, sealed))
        except VaultUnavailable as error:
            return Failure(draft, Reason.NO_KEY, error, dropped=False)
        except Exception as error:  # whatever went wrong, the content stays here
            return Failure(draft, Reason.SEAL_FAILED, ComplianceError(type(error).__name__))

    def _judge(self, drafts: list[Draft]) -> list[Outgoing | Failure]:
        """Run the detectors here and take the content away. Content never passes beyond this method."""
        detectors = self._available()
        if detectors is None:
            error = ComplianceError(f"no detectors: {self._unavailable}")
            return [Failure(draft, Reason.EDGE_UNAVAILABLE, error) for draft in drafts]
        try:
            return self._signals(drafts, detectors)
        except Exception as error:  # the batch is lost to a defect of the detectors, but its content stays here
            failed = ComplianceError(type(error).__name__)
            return [Failure(draft, Reason.EDGE_FAILED, failed) for draft in drafts]

    def _signals(self, drafts: list[Draft], detectors: Detectors) -> list[Outgoing | Failure]:
        events = [Event(EDGE_SOURCE, draft.meta, repaired(draft.content)) for draft in drafts]
        done: list[Outgoing | Failure] = []
        for draft, event, detection in zip(
            drafts, events, detectors.detect([event.content for event in events]), strict=True
        ):
            known = self._following.account(event.meta.account)
            accounts = Accounts({known.account: known} if known else {}, default=StorageMode.EDGE)
            rules = Rules(detectors, _Undecided(), accounts, region="")
            signal = take_content_away(event, detection, rules)
            key = record_key(event.meta.account, event.meta.conversation)
            done.append(Outgoing(draft, "signals", key, encode_signal(signal)))
        return done

    def _available(self) -> Detectors | None:
        if self._detectors is None and self._unavailable is None:
            try:
                self._detectors = self._load()
            except Exception as error:  # not installed, or broken: the name of the error is told with every drop
                self._unavailable = type(error).__name__
        return self._detectors


class _Undecided:
    """The policy is judged by the worker: an edge application needs none."""

    def decide(self, signals: Sequence[Signal]) -> list[Decision]:
        raise AssertionError("a client judges nothing")


def _bucket_by(draft: Draft) -> str | None:
    said = draft.bucket_by
    return said if said is None or _encodable(said) else _whole(said)


def repaired(content: Content) -> Content:
    """The content with every lone surrogate replaced by U+FFFD; the same object when there is none."""
    texts = [message.text for message in content.messages]
    if all(map(_encodable, (*texts, *content.attributes, *content.attributes.values()))):
        return content
    messages = tuple(Message(message.role, _whole(message.text)) for message in content.messages)
    return Content(messages, {_whole(key): _whole(value) for key, value in content.attributes.items()})


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(text: str) -> str:
    """Surrogate pairs become the character they stand for, lone ones U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
