"""What a worker measures by the clock, whether or not it takes events: a worker that consumes nothing must show."""

from __future__ import annotations

import asyncio
from typing import Any

from streams import metrics
from streams.kafka.follow import Follower
from streams.policy.timeline import Timeline
from streams.worker.health import Progress
from streams.worker.passing import Pass

__all__ = ["Measure"]

SECONDS = 2.0
LONGEST = 1e9  # stands for "never" in a gauge


class Measure:
    """Sets gauges every two seconds, and drops keys whose time is over from memory.

    `taken` is told each batch that was taken: the offset that is due next, and the time of its last record.
    """

    def __init__(self, passing: Pass, follower: Follower, policies: Timeline, progress: Progress) -> None:
        self._pass = passing
        self._follower = follower
        self._policies = policies
        self._progress = progress
        self._next: dict[tuple[str, int], int] = {}
        self._newest: dict[str, int] = {}
        self._wraps = self._unwraps = 0

    def taken(self, place: tuple[str, int], due: int, newest_ms: int) -> None:
        """Note that records up to `due` were taken from a partition."""
        self._next[place] = due
        self._newest[place[0]] = newest_ms

    async def run(self, consumer: Any) -> None:
        """Measure until cancelled."""
        while True:
            await self._lag(consumer)
            self._keys()
            bundle = self._policies.at(self._pass.now_ms())
            metrics.POLICY_INFO.clear()
            metrics.POLICY_INFO.labels(bundle.version, bundle.digest).set(1)
            for topic in ("accounts", "keys", "skips"):
                metrics.FOLLOW_AGE.labels(topic).set(min(self._follower.age, LONGEST))
            await asyncio.sleep(SECONDS)

    async def _lag(self, consumer: Any) -> None:
        owned = {(tp.topic, tp.partition) for tp in consumer.assignment()}
        ends = await self._follower.end_offsets(owned)
        # Never below 0: ends are asked for after records were taken, and the embedded broker tells them too low.
        behind = {place: max(0, end - self._next.get(place, consumer.due(place, end))) for place, end in ends.items()}
        metrics.LAG.clear()  # partitions that went to others are theirs to tell
        for (topic, partition), records in behind.items():
            metrics.LAG.labels(topic, str(partition)).set(records)
        for topic in {topic for topic, _ in behind}:
            late = any(records > 0 for place, records in behind.items() if place[0] == topic)
            newest = self._newest.get(topic, self._pass.now_ms())
            metrics.LAG_SECONDS.labels(topic).set(max(0.0, (self._pass.now_ms() - newest) / 1000) if late else 0.0)
        if ends:
            self._progress.measured(sum(behind.values()))

    def _keys(self) -> None:
        opener, sealer, now = self._pass.opener, self._pass.sealer, self._pass.now_ms()
        opener.expire(now)
        sealer.expire(now)
        metrics.KEY_WRAPS.labels("account").inc((sealer.wraps - self._wraps) / 2)
        metrics.KEY_WRAPS.labels("day").inc((sealer.wraps - self._wraps) / 2)
        metrics.KEY_UNWRAPS.inc(opener.unwraps - self._unwraps)
        self._wraps, self._unwraps = sealer.wraps, opener.unwraps
        for transit_class, left in opener.life_left(self._pass.keys, now).items():
            metrics.TRANSIT_LEFT.labels(transit_class.value).set(left)
