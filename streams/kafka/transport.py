"""Faust's transport `batch://`: one message a partition batch, instead of one a record.

Faust's own bookkeeping counts an acknowledged message as an acknowledged record, takes offsets inside a batch for gaps
and gaps for acknowledged, and cannot tell an acknowledgement from before a rebalance from one behind it. None of it is
used here: a `Batch` is acknowledged at the `Ledger`, and commits are read from there alone.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from yarl import URL

from streams import metrics
from streams.kafka.clients import aiokafka_arguments
from streams.kafka.ledger import Entry, Ledger
from streams.model import Record

if TYPE_CHECKING:
    from streams.settings import Settings

__all__ = ["Batch", "Consumer", "Transport", "faust_settings"]

log = logging.getLogger(__name__)
RECORD_OVERHEAD = 64
# How long (ms) Kafka may hold a fetch open. A fetch leaves out the partitions whose records were just handed over, and
# there is one at a time for each broker: what arrives in them meanwhile waits until that fetch is back.
BUSY_FETCH_MS, IDLE_FETCH_MS = 10, 100
BUSY_SECONDS = 2.0


class Batch:
    """Records of one partition, in order, as a worker takes them.

    `expected` is the offset that was due first (None when nothing was ever committed); where it lies below the first
    record, offsets are missing, and `log_start` tells which of them the broker no longer has. `end` is the end of the
    partition as last known.
    """

    __slots__ = ("_consumer", "_entry", "end", "expected", "generation", "log_start", "partition", "records", "topic")

    def __init__(
        self, consumer: Consumer, tp: TP, records: Sequence[Record], expected: int | None, log_start: int | None
    ) -> None:
        self.topic: str = tp.topic
        self.partition: int = tp.partition
        self.records = records
        self.expected = expected
        self.log_start = log_start
        self.generation: int = consumer.app.consumer_generation_id
        self.end: int = consumer.highwater(tp) or 0
        self._consumer = consumer
        self._entry: Entry = consumer.ledger.take(tp, records[-1].offset + 1)

    def __repr__(self) -> str:
        return f"<Batch {self.topic}[{self.partition}] {len(self.records)} records from {self.records[0].offset}>"

    def acknowledge(self) -> bool:
        """Let its offsets be committed; False when its partition was taken away since."""
        return self._consumer.landed(self._entry)


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's thread of the client. What the client has fetched is made into our records at once, where it would make
    records of its own, field by field, for us to copy."""

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Any:
        for fetched in list(consumer._fetcher._records.values()):
            waiting = getattr(fetched, "_partition_records", None)
            if waiting is not None:
                waiting._consumer_record = _record
        return await super()._fetch_records(consumer, active_partitions, timeout, max_records)


def _record(tp: Any, found: Any) -> Record:
    return _made(Record, (tp.topic, tp.partition, found.offset, found.timestamp, found.key, found.value))


_made = tuple.__new__  # by the million: what a NamedTuple's own constructor calls, without the call of it


class Consumer(driver.Consumer):
    """Faust's consumer, handing over batches. Attributes are set by the worker before the app starts."""

    logger = logging.getLogger("faust.consumer")

    def __post_init__(self) -> None:
        self.ledger = Ledger()
        self.batch_records = 2_000
        self.batch_bytes = 4 << 20
        self.poll_timeout = 0.05
        self.before_revoke: Callable[[], Awaitable[None]] | None = None
        self.last_poll = monotonic()
        self._last_found = monotonic()
        self._due: dict[TP, int | None] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__post_init__()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def landed(self, entry: Entry) -> bool:
        """Take an acknowledgement; a stale one is counted."""
        moved = self.ledger.land(entry)
        if not moved:
            metrics.STALE_ACKS.inc()
        return moved

    def due(self, place: tuple[str, int], otherwise: int) -> int:
        """The offset that is due next in a partition."""
        known = self._due.get(TP(*place))
        return otherwise if known is None else known

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Yield partition batches. While a rebalance stops the flow nothing is yielded, and what is read is sought
        back to the commit."""
        records, active = await self._wait_next_records(timeout)
        self.last_poll = monotonic()
        self._pace(bool(records))
        metrics.LAST_POLL.set(time())
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        for tp, found in self._in_turn(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                yield tp, await self._message(tp, found)

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Any]] | None, set[TP] | None]:  # noqa: ASYNC109
        """Records of the partitions that are active now. The wait is short: it does not see that a partition whose
        stream was full becomes active again. Faust's own would last a second."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = self._get_active_partitions()
        if not active:
            await self.sleep(self.poll_timeout)
            return {}, active
        return await self._getmany(active_partitions=active, timeout=min(timeout, self.poll_timeout)), active

    def _pace(self, found: bool) -> None:
        """Hold fetches open for long only while nothing comes. Faust's own 1.5 s cannot be set."""
        now = monotonic()
        if found:
            self._last_found = now
        fetcher = self._thread._ensure_consumer()._fetcher
        if fetcher is not None:
            fetcher._fetch_max_wait_ms = BUSY_FETCH_MS if now - self._last_found < BUSY_SECONDS else IDLE_FETCH_MS

    async def _message(self, tp: TP, found: Sequence[Any]) -> ConsumerMessage:
        first, last = found[0], found[-1]
        expected, log_start = self._due.get(tp), None
        if expected is not None and first.offset > expected:
            starts = await self.earliest_offsets(tp)
            log_start = starts.get(tp)
        # What came while the client was being asked is still as the client makes it.
        taken = [
            r if type(r) is Record else Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value)
            for r in found
        ]
        self._due[tp] = last.offset + 1
        batch = Batch(self, tp, taken, expected, log_start)
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            None,
            (),
            None,
            batch,
            None,
            tp=tp,
            generation_id=batch.generation,
        )

    def _in_turn(self, records: dict[TP, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
        """Slices of at most `batch_records` records and about `batch_bytes` bytes, partitions in turn."""
        waiting = {tp: self._slices(found) for tp, found in records.items()}
        while waiting:
            for tp in list(waiting):
                piece = next(waiting[tp], None)
                if piece is None:
                    del waiting[tp]
                else:
                    yield tp, piece

    def _slices(self, found: list[Any]) -> Iterator[list[Any]]:
        piece: list[Any] = []
        size = 0
        for record in found:
            piece.append(record)
            size += RECORD_OVERHEAD + (len(record.value) if record.value else 0)
            if len(piece) >= self.batch_records or size >= self.batch_bytes:
                yield piece
                piece, size = [], 0
        if piece:
            yield piece

    async def perform_seek(self) -> None:
        """Go back to the commit: what was taken and not committed comes again, so its acknowledgements are stale.

        When partitions change hands meanwhile, aiokafka says that one is not assigned, or none. What is assigned then
        begins at its commit by itself, and is sought again at the end of the rebalance.
        """
        try:
            committed = await self.seek_to_committed()
        except (IllegalStateError, AssertionError):
            log.info("partitions changed hands before they were sought back to their commits")
            self.ledger.forget(list(self._due))
            self._due.clear()
            self._read_offset.clear()
            return
        places = [TP(tp.topic, tp.partition) for tp in committed]
        self.ledger.forget(places)
        for tp, place in zip(committed, places, strict=True):
            offset = committed[tp]
            known = offset if offset is not None and offset >= 0 else None
            self._due[place] = known
            self._read_offset[place] = None
            self._committed_offset[place] = known

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let what is in flight land for a few seconds, commit it, and forget the rest: others will do it again."""
        try:
            if self.before_revoke is not None and revoked:
                await self.before_revoke()
                await self.commit()
        finally:
            self.ledger.forget(revoked)
            for tp in revoked:
                self._due.pop(tp, None)
            for tp in revoked:
                metrics.ASSIGNED.labels(tp.topic).dec()
            await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin with what is assigned."""
        self.ledger.forget(assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        for topic in {tp.topic for tp in assigned}:
            metrics.ASSIGNED.labels(topic).set(sum(tp.topic == topic for tp in assigned))

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp for tp in self.ledger.ready() if topics is None or tp in topics or getattr(tp, "topic", None) in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        return self.ledger.ready().get(tp)

    async def _commit(self, offsets: Any) -> bool:
        done = bool(await super()._commit(offsets))
        if done:
            metrics.LAST_COMMIT.set(time())
        return done

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets inside a batch are no gaps."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Liveness is the worker's own: lag, and the age of what last landed."""


class Transport(driver.Transport):
    """The transport of the URL scheme `batch`, found by its entry point."""

    Consumer = Consumer


def faust_settings(settings: Settings, index: int = 0) -> dict[str, Any]:
    """What suits a worker on this transport, as arguments of `faust.App`."""
    kafka, worker = settings.kafka, settings.worker
    servers = [server.strip() for server in kafka.bootstrap.split(",")]
    chosen: dict[str, Any] = {
        "id": worker.group,
        "broker": [URL(f"kafka://{server}") for server in servers],
        "broker_consumer": [URL(f"batch://{server}") for server in servers],
        "broker_producer": [URL(f"kafka://{server}") for server in servers],
        "store": "memory://",
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": max(worker.batch_bytes, 1 << 20),
        "broker_max_poll_records": worker.batch_records * 4,
        "broker_commit_interval": 0.5,
        "broker_commit_every": 1 << 30,
        "broker_session_timeout": worker.session_timeout,
        "broker_heartbeat_interval": max(1.0, worker.session_timeout / 4),
        "broker_request_timeout": max(40.0, worker.session_timeout + 10),
        "broker_max_poll_interval": max(300.0, worker.delivery_timeout * 4),
        "stream_buffer_maxsize": 4,
        "stream_wait_empty": False,
        "stream_processing_timeout": 1e9,
        "table_standby_replicas": 0,
        "worker_redirect_stdouts": False,
        "cython_optimizations": True,
    }
    if worker.instance_id is not None:
        chosen["consumer_group_instance_id"] = f"{worker.instance_id}-{index}"
    arguments = aiokafka_arguments(kafka)
    if kafka.security == "SASL_SSL":
        chosen["broker_credentials"] = faust.SASLCredentials(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            ssl_context=arguments["ssl_context"],
            mechanism=arguments["sasl_mechanism"],
        )
    elif kafka.security == "SSL":
        chosen["broker_credentials"] = faust.SSLCredentials(arguments["ssl_context"])
    return chosen
