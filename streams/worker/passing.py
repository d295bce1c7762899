"""One pass over one batch: decode, open, process, seal. What comes out is free of content but for what is sealed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streams import metrics, tracing
from streams.codec.intake import Intake, apply_reserved
from streams.codec.records import decode_content
from streams.errors import Code, RecordError
from streams.model import (
    Disposition,
    Event,
    Evidence,
    Outcome,
    Record,
    Rejected,
    Sealed,
    SealedEvent,
    Signal,
    Skips,
)
from streams.pipeline import Input, Rules, process
from streams.vault.client import PrivateTransit
from streams.vault.keyring import PublicKeys
from streams.vault.sealing import StorageSealer
from streams.vault.transit import TransitOpener

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KeySource", "Pass"]

log = logging.getLogger(__name__)
FUTURE_MS = 60 * 60 * 1000
ANCIENT_MS = 72 * 60 * 60 * 1000


class KeySource(Protocol):
    """Where private transit keys come from. Raises `VaultUnavailable` when there is no answer."""

    async def transit(self, key_id: str) -> PrivateTransit:
        """The answer for one key."""
        ...


class Pass(NamedTuple):
    """Everything that one pass needs; `run` is called for one batch at a time."""

    intake: Intake
    opener: TransitOpener
    sealer: StorageSealer
    rules: Rules
    keys: PublicKeys
    source: KeySource
    skips: Skips
    now_ms: Callable[[], int]

    async def run(self, records: Sequence[Record]) -> list[Outcome[Sealed]]:
        """One outcome for each record, in order. Raises `VaultUnavailable` and `ClockSkew` only; bad records are
        outcomes.

        What is to be skipped is parted off first: nothing that might not survive it comes to see it.
        """
        skipped = [record for record in records if self.skips.has(record)] if self.skips else []
        if not skipped:
            return await self._run(records)
        ended = {record.offset: self._skip(record) for record in skipped}
        rest = [record for record in records if record.offset not in ended]
        outcomes = iter(await self._run(rest))
        return [ended.get(record.offset) or next(outcomes) for record in records]

    def _skip(self, record: Record) -> Outcome[Sealed]:
        log.warning("skipped as told: %s[%d]@%d", record.topic, record.partition, record.offset)
        rejected = self.intake.skipped(record)
        return Outcome(rejected.source, rejected.disposition, code=rejected.code, rejected=rejected)

    async def _run(self, records: Sequence[Record]) -> list[Outcome[Sealed]]:
        with stage("decode"):
            inputs = self.intake.decode(records)
        now = self.now_ms()
        self._watch_clock(records, now)
        waiting = [item for item in inputs if isinstance(item, SealedEvent)]
        for key_id in self.opener.missing(waiting, now):
            answer = await self.source.transit(key_id)
            if answer.private is not None:
                self.opener.put(key_id, answer.private, answer.end)
            elif answer.ended:
                self.opener.ended(key_id)
        with stage("open"):
            opened = self._open(inputs, waiting, records)
        with stage("process"):
            outcomes = self._process(opened)
        with stage("seal"):
            return self.sealer.seal(outcomes, self.rules.accounts, self.keys, now)

    def _open(
        self,
        inputs: Sequence[SealedEvent | Event | Signal | Rejected],
        waiting: Sequence[SealedEvent],
        records: Sequence[Record],
    ) -> list[Input]:
        plains = iter(self.opener.open(waiting))
        opened: list[Input] = []
        for item, record in zip(inputs, records, strict=True):
            if isinstance(item, SealedEvent):
                opened.append(self._opened(item, next(plains), record))
            elif isinstance(item, Event):
                meta, content = apply_reserved(item.meta, item.content, self.intake.digest_key)
                opened.append(item if meta is item.meta else Event(item.source, meta, content))
            else:
                opened.append(item)
        return opened

    def _opened(self, item: SealedEvent, plain: bytes | Code, record: Record) -> Event | Rejected:
        if isinstance(plain, Code):
            return self._unreadable(item, plain, record)
        try:
            content = decode_content(plain)
        except RecordError as error:
            return self._unreadable(item, error.code, record)
        if not content.attributes:
            return Event(item.source, item.meta, content)
        return Event(item.source, *apply_reserved(item.meta, content, self.intake.digest_key))

    @staticmethod
    def _unreadable(item: SealedEvent, code: Code, record: Record) -> Rejected:
        ended = code is Code.KEY_ENDED
        return Rejected(
            source=item.source,
            code=code,
            disposition=Disposition.EXPIRED_UNREAD if ended else Disposition.DEAD_LETTER,
            size=len(record.value or b""),
            framing="avro",
        )

    def _process(self, inputs: Sequence[Input]) -> list[Outcome[Evidence]]:
        """`process`; when it fails (a defect of ours), again by halves, so that only the culprit is dead-lettered."""
        try:
            return process(inputs, self.rules)
        except Exception as error:
            if len(inputs) > 1:
                half = len(inputs) // 2
                return self._process(inputs[:half]) + self._process(inputs[half:])
            # The type alone: the message of a library's error may carry its input.
            log.error("one record could not be processed: %s at %s", type(error).__name__, place(inputs[0]))
            rejected = Rejected(inputs[0].source, Code.PROCESS_FAILED, Disposition.DEAD_LETTER, 0, "unknown")
            return [Outcome(rejected.source, rejected.disposition, code=rejected.code, rejected=rejected)]

    @staticmethod
    def _watch_clock(records: Sequence[Record], now: int) -> None:
        future = sum(record.timestamp > now + FUTURE_MS for record in records)
        ancient = sum(record.timestamp < now - ANCIENT_MS for record in records)
        if future:
            metrics.CLOCK.labels("future").inc(future)
        if ancient:
            metrics.CLOCK.labels("past").inc(ancient)


def place(item: Input) -> str:
    """Topic, partition and offset, for a log line."""
    return f"{item.source.topic}[{item.source.partition}]@{item.source.offset}"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage of the pass, and trace it."""
    started = perf_counter()
    try:
        with tracing.stage(name):
            yield
    finally:
        metrics.STAGE_SECONDS.labels(name).observe(perf_counter() - started)
