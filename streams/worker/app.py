"""One worker process: a Faust app that takes batches, and everything it needs around it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import faust

from streams import metrics, tracing
from streams.codec.intake import Intake, Way
from streams.detect import load_detectors
from streams.errors import AccessDenied, ComplianceError, DeliveryError, DependencyError
from streams.kafka.acl_admin import refuse_denied
from streams.kafka.admin import broker_features, partition_counts, refuse_drift
from streams.kafka.follow import Follower
from streams.kafka.grouping import Grouped
from streams.kafka.producer import BatchProducer
from streams.kafka.topics import topic_name
from streams.kafka.transport import Batch, faust_settings
from streams.model import Accounts, Run, Skips
from streams.pipeline import Detectors, Rules
from streams.policy import load_policies
from streams.policy.rates import RateJudge
from streams.policy.timeline import Timeline
from streams.vault.client import VaultClient
from streams.vault.harden import harden
from streams.vault.keyring import PublicKeys
from streams.vault.sealing import StorageSealer
from streams.vault.transit import TransitOpener
from streams.worker.asking import Asking
from streams.worker.facts import FactTaker
from streams.worker.flight import Flight
from streams.worker.health import Health, Progress
from streams.worker.measure import Measure
from streams.worker.outputs import Outputs, missing_runs
from streams.worker.passing import Pass
from streams.worker.process import ProcessId
from streams.worker.rates import RateWatch

if TYPE_CHECKING:
    from streams.settings import Settings

__all__ = ["SOURCES", "Worker", "run"]

log = logging.getLogger(__name__)
SOURCES: dict[str, Way] = {"intake": "sealed", "intake.plain": "plain", "signals": "signals"}
FLIGHT_BATCHES = 4  # full ones that may be in flight; small ones may be more, as in_flight says
COLLECT_AFTER = 50_000  # containers made and not freed; a batch has fewer
LEAVE_SECONDS = 6.0  # for the last commit, and for leaving the group


def now_ms() -> int:
    """The worker's clock, in ms."""
    return time.time_ns() // 1_000_000


class _App(faust.App):  # type: ignore[misc]  # Faust is not typed
    """Faust without its folders for tables: a worker has none, and it writes no file."""

    logger = logging.getLogger("faust.app")

    def _create_directories(self) -> None:
        pass


class Worker:
    """Takes batches, passes them through the core, delivers what comes out.

    `run` returns after a clean stop, and raises what ended the worker otherwise: a `DependencyError` or an
    `AccessDenied` (nothing of what was not delivered is committed), or a `ConfigurationError` before the first event.
    """

    def __init__(self, settings: Settings, index: int = 0, supervisor: ProcessId | None = None) -> None:
        self._settings = settings
        self._index = index
        self._name = f"{settings.worker.group}-{index}"
        self._stop = asyncio.Event()
        self._fatal: ComplianceError | None = None
        self._stuck = False  # Faust does not end
        self.progress = Progress(settings.worker.stall_seconds)
        self.health = Health(
            settings.worker.http_host,
            settings.worker.http_port + index if settings.worker.http_port else 0,
            self.progress,
            supervisor,
        )

    def stop(self) -> None:
        """Stop cleanly: what was taken is delivered and committed, or left uncommitted."""
        self._stop.set()

    async def run(self) -> None:
        """Start, work until stopped, stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        harden()
        await self.health.start()
        try:
            with tracing.started(self._settings, self._name):
                await self._work()
        finally:
            await self.health.stop()
        if self._stuck:  # all else is over and told; an orderly end would wait for what does not end
            logging.shutdown()
            os._exit(0 if self._fatal is None else self._fatal.exit_code)
        if self._fatal is not None:
            raise self._fatal

    async def _work(self) -> None:
        settings = self._settings
        await asyncio.to_thread(refuse_denied, settings, "worker")
        await asyncio.to_thread(refuse_drift, settings)
        policies = await asyncio.to_thread(load_policies, settings.policy.bundles)
        detectors = await asyncio.to_thread(load_detectors)
        accounts, keys = Accounts(default=settings.storage.default_mode), PublicKeys()
        skips = Skips(settings.cell)
        facts = FactTaker(accounts, keys, skips)
        followed = {"accounts": facts.account, "keys": facts.key, "skips": facts.skip}
        self._follower = Follower(settings.kafka, {self._topic(short): take for short, take in followed.items()})
        vault = Asking(VaultClient.of(settings), settings.worker.delivery_timeout, self._stop.is_set)
        async with BatchProducer(settings.kafka) as producer:
            digest_key = await vault.digest_key()
            self._pass = self._make_pass(digest_key, detectors, policies, accounts, keys, skips, vault)
            counts = await asyncio.to_thread(partition_counts, settings)
            outputs = Outputs(self._topic, counts.__getitem__, policies.counted_labels, self._name)
            slots, records = settings.worker.in_flight, FLIGHT_BATCHES * settings.worker.batch_records
            self._flight = Flight(Grouped(producer), outputs, slots, records, self._fail, now_ms)
            self._policies = policies
            self._measure = Measure(self._pass, self._follower, policies, self.progress)
            by_time = not (await asyncio.to_thread(broker_features, settings)).embedded
            judge = RateJudge(policies, lambda account: accounts.facts(account, None, None).mode)
            self._rates = RateWatch(settings, self._topic("counts"), judge, producer, outputs, by_time)
            await self._consume(vault)

    def _make_pass(
        self,
        digest_key: bytes,
        detectors: Detectors,
        policies: Timeline,
        accounts: Accounts,
        keys: PublicKeys,
        skips: Skips,
        vault: Asking,
    ) -> Pass:
        settings = self._settings
        topics = {self._topic(short): way for short, way in SOURCES.items()}
        return Pass(
            intake=Intake(settings.cell, digest_key, settings.worker.max_text_bytes, topics),
            opener=TransitOpener(),
            sealer=StorageSealer(settings.region, settings.storage.content_key_seconds),
            rules=Rules(detectors, policies, accounts, settings.region),
            keys=keys,
            source=vault,
            skips=skips,
            now_ms=now_ms,
        )

    async def _consume(self, vault: Asking) -> None:
        """Follow, then take batches until stopped; what is in flight at the end lands and is committed."""
        (follow,) = tasks = self._beside(following=self._follower.run())
        try:
            await self._first(self._follower.caught_up.wait(), follow)
            if self._stop.is_set():
                return
            app = self._make_app()
            await app.start()
            spare_collector()
            self.progress.ready = True
            tasks += self._beside(
                measure=self._measure.run(app.consumer),
                rates=self._rates.run(),
                asking=vault.keep_asking(self._pass.intake),
            )
            log.info("worker %s takes events; metrics at %s/metrics", self._name, self.health.address)
            crashed = asyncio.create_task(app.wait_until_stopped())
            tasks.append(crashed)
            await self._first(self._stop.wait(), crashed)
            self.progress.ready = False
            await self._land(app)
            if app.crashed and self._fatal is None:
                self._fatal = DeliveryError(f"the Kafka consumer stopped: {type(app.crash_reason).__name__}")
            await self._leave(app)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _beside(self, **running: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
        """Run beside the main flow what must not end by itself: if it does, the worker stops."""
        tasks = [asyncio.create_task(one, name=name) for name, one in running.items()]
        for task in tasks:
            task.add_done_callback(self._over)
        return tasks

    def _over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            told = error if isinstance(error, DependencyError | AccessDenied) else None
            self._fail(told or DependencyError(f"{task.get_name()} ended: {type(error).__name__}"))

    async def _first(self, *awaitables: Any) -> None:
        """Wait until one of them is done, or the worker is to stop."""
        tasks = [asyncio.ensure_future(one) for one in (*awaitables, self._stop.wait())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks[1:]:
            if task not in done and task is not awaitables[-1]:
                task.cancel()

    async def _land(self, app: Any) -> None:
        """Let what is in flight land, commit it. What does not land within the delivery time-out stays uncommitted."""
        try:
            async with asyncio.timeout(self._settings.worker.delivery_timeout):
                await self._flight.landed()
            async with asyncio.timeout(LEAVE_SECONDS):
                await app.consumer.commit()
        except TimeoutError:
            log.error("not everything landed and was committed in time: what is uncommitted is done again")

    async def _leave(self, app: Any) -> None:
        """Leave the group. Without an answer of Kafka's the worker goes all the same: its session ends by itself.

        Faust may wait for ever then, and take no notice of being cancelled.
        """
        leaving = asyncio.ensure_future(app.stop())
        done, _ = await asyncio.wait({leaving}, timeout=LEAVE_SECONDS)
        if done:
            leaving.result()
            return
        log.error("Kafka does not answer: the group will miss this worker when its session times out")
        self._stuck = True

    def _make_app(self) -> Any:
        app = _App(loop=asyncio.get_running_loop(), **faust_settings(self._settings, self._index))
        topic = app.topic(*(self._topic(short) for short in SOURCES), value_type=bytes, value_serializer="raw")

        async def take(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._take(event.value)

        app.agent(topic, name="take")(take)
        app.finalize()
        app.consumer.batch_records = self._settings.worker.batch_records
        app.consumer.batch_bytes = self._settings.worker.batch_bytes
        app.consumer.poll_timeout = self._settings.worker.poll_timeout
        app.consumer.before_revoke = self._settle
        return app

    async def _settle(self) -> None:
        """Before partitions go: a few seconds for what is in flight."""
        try:
            async with asyncio.timeout(min(5.0, self._settings.worker.session_timeout / 2)):
                await self._flight.landed()
        except TimeoutError:
            log.warning("partitions are taken away while batches are in flight: their new owner does them again")

    async def _take(self, batch: Batch) -> None:
        """One batch through the pass, and on its way. After a failure nothing is taken any more."""
        if self._fatal is not None or self._stop.is_set():
            await asyncio.Event().wait()  # until the app is stopped: taken, not acknowledged, never committed
        log.debug("takes %s[%d] %d–%d", batch.topic, batch.partition, batch.records[0].offset, batch.records[-1].offset)
        tracing.begin(
            batch.topic, batch.partition, batch.records[0].offset, batch.records[-1].offset, len(batch.records)
        )
        try:
            self._follower.check()
            outcomes = await self._pass.run(batch.records)
        except (DependencyError, AccessDenied) as error:
            tracing.end({}, error)
            self._fail(error)
            return
        metrics.BATCH_RECORDS.observe(len(batch.records))
        metrics.BYTES.labels(batch.topic).inc(sum(len(record.value or b"") for record in batch.records))
        last = batch.records[-1]
        self._measure.taken((batch.topic, batch.partition), last.offset + 1, last.timestamp)
        await self._flight.launch(_Landing(batch, self.progress), outcomes, self._policies.at(now_ms()).digest)

    def _fail(self, error: ComplianceError) -> None:
        """Stop before commit: what could not be delivered is done again by whoever comes next."""
        if self._fatal is None:
            self._fatal = error
            self.progress.fatal = str(error)
            log.error("%s", error)
            self._stop.set()

    def _topic(self, short: str) -> str:
        return topic_name(self._settings.topics, short)


class _Landing:
    """A batch as the flight sees it."""

    def __init__(self, batch: Batch, progress: Progress) -> None:
        self._batch = batch
        self._progress = progress
        self.topic = batch.topic
        self.generation = batch.generation
        self.oldest_ms = batch.records[0].timestamp
        self.missing: Sequence[Run] = missing_runs(
            batch.expected, batch.log_start, [record.offset for record in batch.records]
        )

    def acknowledge(self) -> None:
        if self._batch.acknowledge():
            self._progress.committed()


def spare_collector() -> None:
    """Let the collector of cycles pass over what was loaded to stay, and not run in every batch: an eighth of the CPU.

    What a batch makes is freed by counting references. Cycles, which are few, are still collected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


def run(settings: Settings, index: int = 0, supervisor: ProcessId | None = None) -> None:
    """Run one worker until it is stopped."""
    asyncio.run(Worker(settings, index, supervisor).run())
