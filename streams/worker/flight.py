"""Delivery in flight: while one batch is delivered the next is computed; the number of those in flight is bounded.

A batch is ended in this order: one wave of all its outputs, then its receipt, then the acknowledgement that lets its
offsets be committed. Whatever fails on the way leaves it uncommitted, so a crash repeats outputs but loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from streams import metrics, tracing
from streams.errors import AccessDenied, ComplianceError, DeliveryError, DependencyError
from streams.kafka.producer import Out, TooLarge
from streams.model import Disposition, Outcome, Run, Sealed
from streams.worker.outputs import Outputs, make_receipt, replace_too_large, tell

__all__ = ["Flight", "Landing", "Sink"]


class Sink(Protocol):
    """Where records go. `deliver` returns once all in-sync replicas have them.

    It raises `TooLarge` naming the positions that no retry will get through, once all others are delivered, or
    `DependencyError`. The caller acknowledges nothing before it returns.
    """

    async def deliver(self, items: Sequence[Out]) -> None:
        """Deliver one wave."""
        ...


class Landing(Protocol):
    """A batch on its way: where its offsets lie, and how it is acknowledged."""

    topic: str
    generation: int
    oldest_ms: int
    missing: Sequence[Run]

    def acknowledge(self) -> None:
        """Let the batch's offsets be committed; dropped when its generation is over."""
        ...


class Flight:
    """Delivers batches side by side, `slots` at most, with `records` at most between them if they are more than one.

    Many small ones may fly together, which makes few requests of them; large ones may not, or a crash would repeat more
    and memory hold more. `failed` is called once with what ended the first that failed.
    """

    def __init__(
        self,
        sink: Sink,
        outputs: Outputs,
        slots: int,
        records: int,
        failed: Callable[[ComplianceError], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._sink = sink
        self._outputs = outputs
        self._slots = slots
        self._records = records
        self._flying = 0  # records
        self._failed = failed
        self._now_ms = now_ms
        self._tasks: set[asyncio.Task[None]] = set()

    async def launch(self, landing: Landing, outcomes: list[Outcome[Sealed]], policy: str) -> None:
        """Start to deliver a batch; waits while there is no room for it."""
        number = len(outcomes)
        while self._tasks and (len(self._tasks) >= self._slots or self._flying + number > self._records):
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._fly(landing, outcomes, policy))
        self._tasks.add(task)
        self._flying += number
        metrics.IN_FLIGHT.set(len(self._tasks))
        task.add_done_callback(lambda done: self._landed(done, number))

    async def landed(self) -> None:
        """Wait until everything in flight has landed or failed."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _landed(self, task: asyncio.Task[None], number: int) -> None:
        self._tasks.discard(task)
        self._flying -= number
        metrics.IN_FLIGHT.set(len(self._tasks))
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, DependencyError | AccessDenied):
            metrics.DELIVERY_FAILURES.labels(type(error).__name__).inc()
            self._failed(error)
        elif error is not None:
            metrics.DELIVERY_FAILURES.labels("defect").inc()
            self._failed(DeliveryError(f"a batch could not be delivered: {type(error).__name__}"))

    async def _fly(self, landing: Landing, outcomes: list[Outcome[Sealed]], policy: str) -> None:
        try:
            tracing.end(await self._deliver(landing, outcomes, policy))
        except BaseException as error:
            tracing.end({}, error)
            raise

    async def _deliver(
        self, landing: Landing, outcomes: list[Outcome[Sealed]], policy: str
    ) -> Mapping[Disposition, int]:
        outs, origin = self._outputs.wave(outcomes)
        while True:
            try:
                with metrics.STAGE_SECONDS.labels("deliver").time(), tracing.stage("deliver"):
                    await self._sink.deliver(outs)
                break
            except TooLarge as large:
                guilty = {origin[i] for i in large.indices}
                if -1 in guilty or all(outcomes[i].rejected is not None for i in guilty):
                    raise DeliveryError(
                        "a record without content is larger than its topic takes: look at max.message.bytes with "
                        "`streams topics check`"
                    ) from None
                outcomes = replace_too_large(outcomes, guilty)
                outs, origin = self._anew(outcomes, guilty)
        receipt = make_receipt(
            outcomes, landing.missing, self._outputs.worker, landing.generation, policy, self._now_ms()
        )
        with tracing.stage("receipt"):
            await self._sink.deliver([self._outputs.receipt(receipt)])
        ended = tell(landing.topic, outcomes, landing.missing)
        metrics.EVENT_SECONDS.observe(max(0.0, (self._now_ms() - landing.oldest_ms) / 1000))
        landing.acknowledge()
        return ended

    def _anew(self, outcomes: list[Outcome[Sealed]], guilty: set[int]) -> tuple[list[Out], list[int]]:
        """What takes the place of outputs that were too large. All others were delivered, and are not sent again: a
        topic that takes less by now must not turn what it has into a dead letter."""
        anew = [(out, i) for out, i in zip(*self._outputs.wave(outcomes), strict=True) if i in guilty]
        return [out for out, _ in anew], [i for _, i in anew]
