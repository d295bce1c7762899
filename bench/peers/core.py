"""Our core for other frameworks: records of Kafka in, records out, with no part of our transport or delivery.

It decodes, opens, detects, decides, seals and encodes with the same code as a worker. What a framework does with
records before and after is its own; receipts are a worker's work and are left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence

from streams.codec.intake import Intake, Way
from streams.detect import load_detectors
from streams.kafka.admin import partition_counts
from streams.kafka.follow import Follower
from streams.kafka.producer import Out
from streams.kafka.topics import topic_name
from streams.model import Accounts, Outcome, Record, Sealed, Skips
from streams.pipeline import Rules
from streams.policy import load_policies
from streams.settings import Settings, load
from streams.vault.client import PrivateTransit, VaultClient
from streams.vault.keyring import PublicKeys
from streams.vault.sealing import StorageSealer
from streams.vault.transit import TransitOpener
from streams.worker.facts import FactTaker
from streams.worker.outputs import Outputs
from streams.worker.passing import Pass

__all__ = ["Core", "Stopwatch"]


class Core:
    """Takes batches of any size, from one thread. To be made where no event loop runs.

    `spare`: let Python's collector pass over what was loaded to stay, as a worker does. No framework's documentation
    says so, so it is a contender of its own.
    """

    def __init__(self, spare: bool = False) -> None:
        self.settings = load()
        self._pass = asyncio.run(_prepared(self.settings))
        counted = load_policies().counted_labels
        self._outputs = Outputs(self._topic, partition_counts(self.settings).__getitem__, counted, "peer")
        if spare:
            from streams.worker.app import spare_collector  # with Faust behind it, which is not to weigh on the others

            spare_collector()

    def outs(self, records: Sequence[Record]) -> list[Out]:
        """What is to be delivered for some records of one partition."""
        found, _ = self._outputs.wave(self._outcomes(records))
        return found

    def _outcomes(self, records: Sequence[Record]) -> list[Outcome[Sealed]]:
        running = self._pass.run(records)
        try:
            running.send(None)  # without a loop, since all keys are there
        except StopIteration as done:
            found: list[Outcome[Sealed]] = done.value
            return found
        raise AssertionError("a transit key was made anew: measure again")

    def _topic(self, short: str) -> str:
        return topic_name(self.settings.topics, short)


async def _prepared(settings: Settings) -> Pass:
    accounts, keys = Accounts(default=settings.storage.default_mode), PublicKeys()
    opener, vault = TransitOpener(), VaultClient.of(settings)
    for key_id in await _follow_once(settings, FactTaker(accounts, keys, Skips(settings.cell))):
        answer = await vault.transit_key(key_id)
        if answer.private is not None:
            opener.put(key_id, answer.private, answer.end)
    sources: dict[str, Way] = {topic_name(settings.topics, "intake"): "sealed"}
    return Pass(
        intake=Intake(settings.cell, await vault.digest_key(), 8 << 20, sources),
        opener=opener,
        sealer=StorageSealer(settings.region),
        rules=Rules(load_detectors(), load_policies(), accounts, settings.region),
        keys=keys,
        source=_NoMore(),
        skips=Skips(settings.cell),
        now_ms=lambda: int(time.time() * 1000),
    )


class _NoMore:
    """All keys were asked for at the start."""

    async def transit(self, key_id: str) -> PrivateTransit:
        await asyncio.sleep(0)
        raise AssertionError(key_id)


async def _follow_once(settings: Settings, facts: FactTaker) -> list[str]:
    """Read accounts and keys to their end; the ids of transit keys."""
    ids: list[str] = []

    def key(name: bytes | None, value: bytes | None) -> None:
        facts.key(name, value)
        if name is not None and name.startswith(b"transit-"):
            ids.append(name.decode())

    handlers = {topic_name(settings.topics, "accounts"): facts.account, topic_name(settings.topics, "keys"): key}
    follower = Follower(settings.kafka, handlers)
    following = asyncio.create_task(follower.run())
    await follower.caught_up.wait()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return ids


class Stopwatch:
    """Tells events, seconds and CPU seconds once a number of events is done, and ends the process."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._done = 0
        self._begun: tuple[float, float] | None = None

    def begin(self) -> None:
        """The first event is there."""
        if self._begun is None:
            self._begun = time.perf_counter(), time.process_time()

    def done(self, number: int) -> bool:
        """So many more are done, and delivered. True when it was all."""
        self._done += number
        if self._done < self._number or self._begun is None:
            return False
        seconds, cpu = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        print(json.dumps({"events": self._done, "seconds": seconds, "cpu": cpu}), flush=True)
        os._exit(0)
