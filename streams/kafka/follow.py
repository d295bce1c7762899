"""Follows compacted topics without a group: read to their end first, and ever after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerUnavailable
from streams.kafka.clients import aiokafka_arguments
from streams.kafka.reaching import denied
from streams.settings import KafkaSettings

__all__ = ["Follower", "Handler"]

log = logging.getLogger(__name__)
POLL_MS = 500
ANSWER_SECONDS = 10.0
STALE_SECONDS = 20.0
PAUSE_SECONDS = 1.0

Handler = Callable[[bytes | None, bytes | None], None]


class Follower:
    """Hands every record of some topics to a handler (key, value), from their beginning.

    `caught_up` is set once all were read to the end that they had at the time. Everything runs on one event loop, so
    what handlers change stays the same while a caller does not await.
    """

    def __init__(self, settings: KafkaSettings, handlers: Mapping[str, Handler]) -> None:
        self._settings = settings
        self._handlers = handlers
        self._consumer: Any = None
        self._ends: dict[TopicPartition, int] = {}
        self._fresh: float | None = None
        self.caught_up = asyncio.Event()

    @property
    def age(self) -> float:
        """Seconds since all topics were last known to be read to their end; infinite before the first time."""
        return float("inf") if self._fresh is None else monotonic() - self._fresh

    def check(self) -> None:
        """Raise `BrokerUnavailable` when the topics could not be followed for too long."""
        if self.age > STALE_SECONDS:
            raise BrokerUnavailable(
                f"{', '.join(self._handlers)}: not read to the end for {self.age:.0f} s, so what they say may have "
                f"changed. Look at the broker at {self._settings.bootstrap}"
            )

    async def run(self) -> None:
        """Follow until cancelled. A passing fault is logged and tried again; `check` tells when it lasts too long.

        Raises `AccessDenied` when Kafka does not allow it.
        """
        while True:
            try:
                await self._open()
                while True:
                    await self._round()
            except (KafkaError, OSError, TimeoutError) as error:
                if refused := denied(error, self._settings, f"read {', '.join(self._handlers)}"):
                    raise refused from None
                log.warning("following %s: %s; trying again", ", ".join(self._handlers), type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                await self._close()

    async def end_offsets(self, places: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The ends of any partitions right now; empty while there is no connection."""
        if self._consumer is None or not places:
            return {}
        try:
            found = await asyncio.wait_for(
                self._consumer.end_offsets([TopicPartition(*place) for place in places]), ANSWER_SECONDS
            )
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the ends of partitions are not known: %s", type(error).__name__)
            return {}
        return {(part.topic, part.partition): end for part, end in found.items()}

    async def _open(self) -> None:
        # Subscribed without a group: all partitions are assigned, those that are added later too.
        consumer: Any = AIOKafkaConsumer(
            *self._handlers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **aiokafka_arguments(self._settings),
        )
        self._consumer = consumer
        await consumer.start()
        missing = set(self._handlers) - {part.topic for part in consumer.assignment()}
        if missing:
            raise TimeoutError(f"topics {', '.join(sorted(missing))} are not there")
        self._ends = {}

    async def _round(self) -> None:
        consumer = self._consumer
        if not self._ends:
            self._ends = await asyncio.wait_for(consumer.end_offsets(list(consumer.assignment())), ANSWER_SECONDS)
        taken = await consumer.getmany(timeout_ms=POLL_MS, max_records=5_000)
        for part, records in taken.items():
            handle = self._handlers[part.topic]
            for record in records:
                handle(record.key, record.value)
        for part, end in self._ends.items():
            if await consumer.position(part) < end:
                return
        self._ends = {}
        self._fresh = monotonic()
        self.caught_up.set()

    async def _close(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()
