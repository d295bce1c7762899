"""Rate rules in a running deployment: counts are read back from Kafka, judged, and violations published.

A consumer group of its own shares the partitions of `counts` among all workers, so each account is judged by one of
them. What the judge remembers is nowhere but in memory: whoever gets a partition reads it again from before the longest
window. Violations that come again then have the same ids, so a subscriber recognises them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from streams import metrics
from streams.codec.records import decode_count
from streams.errors import DependencyError, RecordError
from streams.kafka.sharing import SharedReader
from streams.model import Count
from streams.policy.rates import LOOK_BACK_MINUTES, RateJudge
from streams.settings import Settings
from streams.worker.flight import Sink
from streams.worker.outputs import Outputs, tell_violation

__all__ = ["RateWatch"]

log = logging.getLogger(__name__)
PAUSE_SECONDS = 2.0


class RateWatch:
    """Judges the counts of this worker's share of accounts.

    `by_time` tells whether the broker finds offsets by time; otherwise `counts` is read from its beginning.
    """

    def __init__(
        self, settings: Settings, topic: str, judge: RateJudge, sink: Sink, outputs: Outputs, by_time: bool
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._judge = judge
        self._sink = sink
        self._outputs = outputs
        self._by_time = by_time

    async def run(self) -> None:
        """Judge until cancelled. A broker that is away is tried again, from before the longest window."""
        group = f"{self._settings.worker.group}-rates"
        while True:
            try:
                start = _look_back if self._by_time else None
                async with SharedReader(self._settings.kafka, self._topic, group, start) as reader:
                    while True:
                        if values := await reader.take():
                            await self.judge(values)
                            await reader.commit()
            except DependencyError as error:
                log.warning("rate rules wait: %s; trying again", error)
                metrics.DELIVERY_FAILURES.labels("rates").inc()
                await asyncio.sleep(PAUSE_SECONDS)

    async def judge(self, values: Sequence[bytes | None]) -> None:
        """Take encoded counts, and publish the violations that they complete."""
        late, evicted = self._judge.late, self._judge.evicted
        violations = self._judge.take(self._read(values))
        metrics.RATE_MISSED.labels("late").inc(self._judge.late - late)
        metrics.RATE_MISSED.labels("evicted").inc(self._judge.evicted - evicted)
        await self._sink.deliver(self._outputs.rated(violations))
        for violation in violations:
            tell_violation(violation, violation.mode)

    def _read(self, values: Iterable[bytes | None]) -> Iterable[Count]:
        for value in values:
            try:
                yield decode_count(value or b"")
            except RecordError as error:
                log.error("a count could not be read: %s", error.code.value)
                metrics.REJECTED.labels(self._topic, error.code.value).inc()


def _look_back() -> int:
    """The time, in ms, before which no count can take part any more."""
    return time.time_ns() // 1_000_000 - LOOK_BACK_MINUTES * 60_000
