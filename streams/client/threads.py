"""The background threads of the synchronous client, on kafka-python: one sends, one follows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from streams.client.core import Core
from streams.client.follow import FOLLOWED
from streams.client.outgoing import Outgoing
from streams.client.report import Reason
from streams.errors import BrokerUnavailable
from streams.kafka.clients import kafka_python_arguments
from streams.kafka.reaching import reach

__all__ = ["FollowLoop", "SendLoop"]

log = logging.getLogger(__name__)
LINGER = 0.01  # seconds in which events gather, so that the model call seldom meets a busy thread
CHECK_SECONDS = 2.0  # between two looks at the ends of `accounts` and `keys`
REACH_SECONDS = 3.0
BLOCK_MS = 3_000
DELIVERY_MS = 10_000
# By then a producer has delivered or failed what it was given. kafka-python may do neither: once one batch that it had
# sent before has failed, its idempotent producer (3.0.12) forgets its id, never asks for another, and sends nothing.
OVERDUE_SECONDS = 2 * DELIVERY_MS / 1000


class _Loop:
    """A daemon thread that survives its own errors: they are reported, and it goes on after a pause."""

    def __init__(self, core: Core, woken: threading.Event, name: str) -> None:
        self._core = core
        self._woken = woken
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
        self._woken.set()

    def join(self, timeout: float) -> None:
        """Wait for its end, unless it is the one that asks."""
        if not self.is_current() and self._thread.ident is not None:
            self._thread.join(timeout)

    def is_current(self) -> bool:
        """Whether it is this thread that asks."""
        return self._thread is threading.current_thread()

    def _run(self) -> None:
        raise AssertionError("each loop has its own")


class SendLoop(_Loop):
    """Takes events out of the buffer, seals them and hands them to a producer."""

    def __init__(self, core: Core, woken: threading.Event) -> None:
        super().__init__(core, woken, "streams-send")
        self._producer: Any = None
        self._stumbled = False
        self._hurried = threading.Event()
        self._flying: dict[int, tuple[float, Outgoing]] = {}  # what the producer has, oldest first
        self.on_connected: Callable[[], None] = lambda: None

    def hurry(self) -> None:
        """Do not linger: someone waits."""
        self._hurried.set()
        self._woken.set()

    def stop(self) -> None:
        """Ask it to end, at once."""
        self._hurried.set()
        super().stop()

    def disown(self) -> None:
        """In a forked child: make sure that nothing closes the parent's connection."""
        if self._producer is not None:
            self._producer._closed = True

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(self._core.pause(monotonic()))
            self._hurried.wait(LINGER)
            self._hurried.clear()
            self._woken.clear()
            try:
                self._core.tell_problems()
                self._round()
            except Exception as error:  # the thread must live as long as the client; what it held waits again
                self._stumbled = True
                self._core.stumbled(Reason.BROKER, error)
        self._close()

    def _round(self) -> None:
        if self._failed_at_all() or self._is_overdue():
            self._give_up()
        while batch := self._core.next_batch(monotonic()):
            self._send(batch)

    def _failed_at_all(self) -> bool:
        """Whether the producer failed once; while the pause lasts it may still deliver what else it has."""
        return self._stumbled and (not self._flying or self._core.may_send(monotonic()))

    def _is_overdue(self) -> bool:
        try:
            oldest = next(iter(self._flying.values()), None)
        except RuntimeError:  # the producer's thread took one out at this very moment: it is not silent
            return False
        return oldest is not None and monotonic() - oldest[0] >= OVERDUE_SECONDS

    def _give_up(self) -> None:
        """Leave a producer that failed, or does not even fail: it may be of no use any more.

        All that it has waits again, for a new one. Events go on coming, so to wait until it has nothing more would be
        to wait for ever; what it delivers all the same comes twice, with the same ids.
        """
        given_up: list[Outgoing] = []
        while self._flying:
            with suppress(KeyError):  # the producer's thread takes the last one at this moment: it is answered
                given_up.append(self._flying.popitem()[1][1])
        producer, self._producer, self._stumbled = self._producer, None, False
        if given_up:
            self._core.failed([out.draft for out in given_up], BrokerUnavailable("its producer was given up"))
        if producer is not None:
            abandon(producer)

    def _send(self, batch: list[Outgoing]) -> None:
        try:
            producer = self._connect()
        except Exception as error:  # no broker yet: all of the batch waits
            self._core.failed([out.draft for out in batch], error)
            return
        for i, out in enumerate(batch):
            self._flying[id(out)] = monotonic(), out
            try:
                future = producer.send(self._core.options.prefix + out.topic, value=out.value, key=out.key)
            except Exception as error:  # too large, or no metadata within BLOCK_MS
                del self._flying[id(out)]
                if not self._core.never_fits(out.draft, error):
                    self._stumbled = True
                    self._core.failed([later.draft for later in batch[i:]], error)
                    return
            else:
                future.add_callback(self._sent, out)
                future.add_errback(self._failed, out)

    def _sent(self, out: Outgoing, _: object) -> None:
        if self._flying.pop(id(out), None) is not None:
            self._core.sent(out.draft)

    def _failed(self, out: Outgoing, error: BaseException) -> None:
        if self._flying.pop(id(out), None) is None:
            return
        if not self._core.never_fits(out.draft, error):
            self._stumbled = True
            self._core.failed([out.draft], error)

    def _connect(self) -> Any:
        if self._producer is None:
            reach(self._core.options.connection, REACH_SECONDS)
            self._producer = KafkaProducer(
                **kafka_python_arguments(self._core.options.connection),
                acks="all",
                allow_auto_create_topics=False,
                batch_size=262_144,
                bootstrap_timeout_ms=BLOCK_MS,
                delivery_timeout_ms=DELIVERY_MS,
                linger_ms=5,
                max_block_ms=BLOCK_MS,
                max_request_size=self._core.limits.max_event_bytes + 65_536,
                metrics_enabled=False,
                reconnect_backoff_max_ms=1_000,
                request_timeout_ms=5_000,
            )
            self._stumbled = False
            self.on_connected()
        return self._producer

    def _close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            abandon(producer, 1.0)


def abandon(producer: Any, seconds: float = 0.0) -> None:
    """End a producer, which may not be able to end well: what it still has is not its concern any more."""
    try:
        producer.close(timeout=seconds)
    except KafkaError as error:
        log.debug("a producer did not end well: %s", type(error).__name__)
        producer._sender.force_close()
        producer._closed = True


class FollowLoop(_Loop):
    """Reads `accounts` and `keys` from their beginning, without a group, and stays at their end."""

    def __init__(self, core: Core, woken: threading.Event) -> None:
        super().__init__(core, woken, "streams-follow")
        self._consumer: Any = None
        self._ready = threading.Event()
        prefix = core.options.prefix
        self._topics = {prefix + topic: topic for topic in FOLLOWED}

    def wait_ready(self, timeout: float) -> bool:
        """Wait for the first time that both topics are read to their end."""
        return self._ready.wait(timeout)

    def disown(self) -> None:
        """In a forked child: make sure that nothing closes the parent's connection."""
        if self._consumer is not None:
            self._consumer._closed = True

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # passing or not, it is told and tried again; events wait meanwhile
                self._core.trouble(Reason.FOLLOWING, error)
            finally:
                self._close()
            self._stopping.wait(0.5)

    def _follow(self) -> None:
        reach(self._core.options.connection, REACH_SECONDS)
        self._consumer = consumer = KafkaConsumer(
            **kafka_python_arguments(self._core.options.connection),
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=BLOCK_MS,
            enable_auto_commit=False,
            metadata_max_age_ms=30_000,
            metrics_enabled=False,
            request_timeout_ms=5_000,
            reconnect_backoff_max_ms=1_000,
        )
        parts = self._partitions(consumer)
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        for looked, ends in self._looks(consumer, parts):
            if all(consumer.position(part) >= end for part, end in ends.items()):
                self._core.following.caught_up(looked)
                self._ready.set()
                self._woken.set()

    def _looks(self, consumer: Any, parts: list[TopicPartition]) -> Iterator[tuple[float, dict[TopicPartition, int]]]:
        """Poll for ever; after each poll give the ends, and when they were read. Raises when the broker is silent."""
        ends: dict[TopicPartition, int] = {}
        looked = -CHECK_SECONDS
        while not self._stopping.is_set():
            if monotonic() - looked >= CHECK_SECONDS:
                if self._partitions(consumer) != parts:
                    return  # partitions were added: begin anew
                ends, looked = consumer.end_offsets(parts), monotonic()
            self._take(consumer.poll(timeout_ms=500))
            yield looked, ends

    def _partitions(self, consumer: Any) -> list[TopicPartition]:
        parts = []
        for name in self._topics:
            numbers = consumer.partitions_for_topic(name)
            if not numbers:
                raise BrokerUnavailable(f"topic {name} is not there")
            parts += [TopicPartition(name, number) for number in sorted(numbers)]
        return parts

    def _take(self, polled: dict[TopicPartition, list[Any]]) -> None:
        for part, records in polled.items():
            topic = self._topics[part.topic]
            for record in records:
                sleep(0)  # a million accounts are read beside model calls: let them go first
                self._core.following.take(topic, record.key, record.value)
        if polled:
            self._woken.set()

    def _close(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            consumer.close(autocommit=False, timeout_ms=1_000)
