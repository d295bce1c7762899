"""The asyncio client, on aiokafka (extra `[aio]`): the same core as the synchronous one, tasks instead of threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from time import monotonic
from types import TracebackType
from typing import Any, Never, Self, Unpack

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.client.config import Connection, Limits
from streams.client.core import Core, Options
from streams.client.events import EventFields
from streams.client.follow import FOLLOWED
from streams.client.outgoing import Outgoing
from streams.client.report import ErrorCallback, Reason
from streams.client.surface import Surface
from streams.client.sync import connected
from streams.errors import BrokerUnavailable
from streams.kafka.clients import aiokafka_arguments
from streams.kafka.reaching import reach

__all__ = ["AsyncClient"]

LINGER = 0.01
CHECK_SECONDS = 2.0
REQUEST_MS = 10_000


class AsyncClient(Surface):
    """Sends events from an asyncio application. One a process and loop; an asynchronous context manager.

    `record()` is an ordinary method: it neither waits nor raises, and may be called from other threads, too. The
    background tasks start with `async with`, `start()`, or the first `record()` inside a running loop. `on_error` is
    called on the loop. After a fork a client is of no use: events are dropped as `closed`; create one in the child.
    """

    def __init__(
        self,
        connection: Connection | str | None = None,
        *,
        application: str | None = None,
        accounts: Iterable[str] | None = None,
        on_error: ErrorCallback | None = None,
        limits: Limits | None = None,
        prefix: str = "compliance.",
        region: str | None = None,
    ) -> None:
        options = Options(
            connection=connected(connection),
            prefix=prefix,
            application=application,
            region=region,
            accounts=None if accounts is None else frozenset(accounts),
            on_error=on_error,
            limits=limits or Limits(),
        )
        self._core = Core(options, self._wake)
        self._arguments = aiokafka_arguments(options.connection)
        self._names = {options.prefix + topic: topic for topic in FOLLOWED}
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._hurried = asyncio.Event()
        self._ready = asyncio.Event()
        self._signalled = False
        self._stopping = False
        self._stumbled = False
        self._producer: Any = None

    def record(self, *unexpected: Never, **fields: Unpack[EventFields]) -> str | None:
        """Hand over one event, as `Client.record` does."""
        if self._pid != os.getpid():
            self._core.closed = True
        elif self._loop is None and not self._core.closed and (loop := _running_loop()) is not None:
            self._begin(loop)
        return super().record(*unexpected, **fields)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks = [
            loop.create_task(self._send_for_ever(), name="streams-send"),
            loop.create_task(self._follow_for_ever(), name="streams-follow"),
        ]

    def _wake(self) -> None:
        """From any thread. A loop that is closed cannot be woken: events wait, and `close` counts them."""
        if self._signalled or self._loop is None or self._loop.is_closed():
            return
        self._signalled = True
        try:
            self._loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:  # closed a moment ago
            self._core.count_error(Reason.CLOSED)

    async def start(self) -> None:
        """Begin to learn keys and modes, before the first event."""
        if self._loop is None:
            self._begin(asyncio.get_running_loop())

    async def wait_ready(self, timeout: float) -> bool:  # noqa: ASYNC109  the synchronous client's signature
        """Wait until modes and keys are known. For scripts and tests: an application just records."""
        return await _within(self._ready.wait(), timeout)

    async def flush(self, timeout: float | None = 10.0) -> bool:  # noqa: ASYNC109
        """Wait until the broker has, or the client has dropped, all that was recorded before this call."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        waiter = self._core.buffer.watch(lambda: loop.call_soon_threadsafe(done.set))
        try:
            self._hurried.set()
            self._woken.set()
            return await _within(done.wait(), timeout)
        finally:
            self._core.buffer.unwatch(waiter)

    async def close(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109
        """Send what is left, for at most about `timeout` seconds, and end. True when nothing was left behind."""
        if self._core.closed:
            return len(self._core.buffer) == 0
        if len(self._core.buffer):
            await self.start()
        self._core.closed = True
        delivered = await self.flush(timeout)
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close_producer()
        self._core.abandon()
        return delivered

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- sending -----------------------------------------------------------------------------------------------------

    async def _send_for_ever(self) -> None:
        while not self._stopping:
            await _within(self._woken.wait(), self._core.pause(monotonic()))
            await _within(self._hurried.wait(), LINGER)
            self._hurried.clear()
            self._signalled = False
            self._woken.clear()
            try:
                self._core.tell_problems()
                await self._round()
            except Exception as error:  # the task must live as long as the client
                self._stumbled = True
                self._core.stumbled(Reason.BROKER, error)

    async def _round(self) -> None:
        if self._stumbled and self._core.buffer.flying == 0:
            await self._close_producer()
        while batch := await asyncio.to_thread(self._core.next_batch, monotonic()):
            await self._send(batch)

    async def _send(self, batch: list[Outgoing]) -> None:
        for i, out in enumerate(batch):
            try:
                producer = await self._connect()
                topic = self._core.options.prefix + out.topic
                future = await producer.send(topic, value=out.value, key=out.key)
            except Exception as error:  # no broker, no metadata, or an event that is too large
                if not self._core.never_fits(out.draft, error):
                    self._stumbled = True
                    self._core.failed([later.draft for later in batch[i:]], error)
                    return
            else:
                future.add_done_callback(lambda result, out=out: self._answered(out, result))

    def _answered(self, out: Outgoing, result: asyncio.Future[object]) -> None:
        error = asyncio.CancelledError() if result.cancelled() else result.exception()
        if error is None:
            self._core.sent(out.draft)
        elif not self._core.never_fits(out.draft, error):
            self._stumbled = True
            self._core.failed([out.draft], error)

    async def _connect(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._arguments,
                acks="all",
                linger_ms=5,
                max_batch_size=262_144,
                max_request_size=self._core.limits.max_event_bytes + 65_536,
                request_timeout_ms=REQUEST_MS,
            )
            try:
                await asyncio.wait_for(producer.start(), 5.0)
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
            self._stumbled = False
        return self._producer

    async def _close_producer(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _within(producer.stop(), 2.0)
        self._stumbled = False

    # -- following ---------------------------------------------------------------------------------------------------

    async def _follow_for_ever(self) -> None:
        while not self._stopping:
            consumer = AIOKafkaConsumer(
                *self._names,
                **self._arguments,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                metadata_max_age_ms=30_000,
                request_timeout_ms=REQUEST_MS,
            )
            try:
                await asyncio.to_thread(reach, self._core.options.connection)
                await asyncio.wait_for(consumer.start(), 5.0)
                await self._follow(consumer)
            except Exception as error:  # passing or not, it is told and tried again; events wait meanwhile
                self._core.trouble(Reason.FOLLOWING, error)
            finally:
                await _within(consumer.stop(), 2.0)
            await asyncio.sleep(0.5)

    async def _follow(self, consumer: Any) -> None:
        """Without a group the consumer has all partitions of its topics, and notices when there are more."""
        ends: dict[TopicPartition, int] = {}
        looked = -CHECK_SECONDS
        while True:
            if monotonic() - looked >= CHECK_SECONDS:
                parts = sorted(consumer.assignment())
                if {part.topic for part in parts} != self._names.keys():
                    raise BrokerUnavailable(f"{' or '.join(self._names)} is not there")
                ends = await asyncio.wait_for(consumer.end_offsets(parts), 5.0)
                looked = monotonic()
            for part, records in (await consumer.getmany(timeout_ms=500, max_records=1_000)).items():
                for record in records:
                    self._core.following.take(self._names[part.topic], record.key, record.value)
            if all([await consumer.position(part) >= end for part, end in ends.items()]):
                self._core.following.caught_up(looked)
                self._ready.set()
                self._wake()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _within(waited: Any, seconds: float | None) -> bool:
    """Whether something came to its end within some seconds (None: however long it takes)."""
    try:
        await asyncio.wait_for(waited, seconds)
    except TimeoutError:
        return False
    return True
