"""What each building block of a worker costs by itself, in µs of CPU an event: the profile to work from.

One batch goes through each block alone, in this process, without Kafka and without anything beside it. `make bench`
prints the sum beside what a whole worker takes for such events on a real Kafka.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from bench.load import ACCOUNT, events
from streams.codec.intake import Intake
from streams.codec.records import decode_content, encode_content, encode_sealed_event
from streams.detect import load_detectors
from streams.kafka.producer import Out
from streams.model import (
    Account,
    Accounts,
    Disposition,
    Event,
    KeyKind,
    PublicKey,
    Record,
    SealedEvent,
    Skips,
    TransitClass,
)
from streams.pipeline import Rules, process
from streams.policy import load_policies
from streams.vault.client import PrivateTransit
from streams.vault.hpke import new_pair
from streams.vault.keyring import PublicKeys
from streams.vault.sealing import StorageSealer
from streams.vault.transit import TransitOpener, TransitSealer
from streams.worker.outputs import Outputs, make_receipt, tell
from streams.worker.passing import Pass

__all__ = ["Block", "as_json", "measure", "table"]

NOW = 1_700_000_000_000
TOPIC = "compliance.intake"
WORST = 64 << 20


class Block(NamedTuple):
    """One building block: its name, and µs of CPU that one event costs it (the median of its turns)."""

    name: str
    microseconds: float


class _Silent:
    """No key has to be asked for: the opener has it."""

    async def transit(self, key_id: str) -> PrivateTransit:
        raise AssertionError(key_id)


class _Keys(NamedTuple):
    public: PublicKeys
    transit: PublicKey
    private: bytes
    account: Account


def _keys() -> _Keys:
    hour = 3_600_000
    private, public = new_pair()
    transit = PublicKey("transit-1", KeyKind.TRANSIT, public, NOW - hour, NOW + hour, NOW + hour, TransitClass.STANDARD)
    day = PublicKey(
        "day-2023-11-14", KeyKind.DAY, new_pair()[1], NOW - hour, NOW + hour, NOW + hour, None, "2023-11-14"
    )
    keys = PublicKeys()
    keys.put(transit)
    keys.put(day)
    account = Account(ACCOUNT, version=1, key_id="account-1", public_key=new_pair()[1])
    return _Keys(keys, transit, private, account)


def _records(keys: PublicKeys, number: int) -> list[Record]:
    sealer = TransitSealer(keys, lambda: NOW)
    made = []
    for offset, (meta, content) in enumerate(events(number)):
        sealed = sealer.seal(meta, encode_content(content), TransitClass.STANDARD)
        key = f"{ACCOUNT}#{offset % 8}".encode()
        made.append(Record(TOPIC, 0, offset, NOW, key, encode_sealed_event(meta, sealed)))
    return made


def _pass(keys: _Keys) -> Pass:
    rules = Rules(load_detectors(), load_policies(), Accounts({ACCOUNT: keys.account}), "us")
    opener = TransitOpener()
    opener.put(keys.transit.key_id, keys.private, keys.transit.end)
    sealer = StorageSealer("us")
    return Pass(
        Intake("bench", b"k" * 32, 8 << 20, {TOPIC: "sealed"}),
        opener,
        sealer,
        rules,
        keys.public,
        _Silent(),
        Skips("bench"),
        lambda: NOW,
    )


def packed(outs: Sequence[Out]) -> bytes:
    """Records in one of Kafka's batches, as a producer packs them."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, -1, -1, -1, WORST)
    for offset, out in enumerate(outs):
        builder.append(offset, NOW, out.key, out.value, [])
    return bytes(builder.build())


def unpacked(batch: bytes) -> list[Record]:
    """The records of one of Kafka's batches, as the worker takes them."""
    read = DefaultRecordBatch(bytearray(batch))
    if not read.validate_crc():
        raise ValueError("the batch is broken")
    return [Record(TOPIC, 0, one.offset, one.timestamp, one.key, one.value) for one in read]


def _alone(work: Callable[[], Any], number: int, turns: int) -> float:
    taken = []
    work()
    for _ in range(turns):
        gc.collect()
        started = process_time()
        work()
        taken.append((process_time() - started) / number * 1e6)
    return statistics.median(taken)


def measure(number: int = 2_000, turns: int = 7) -> list[Block]:
    """Every block on one batch of `number` events, each alone."""
    keys = _keys()
    records = _records(keys.public, number)
    run = _pass(keys)
    outputs = Outputs(lambda short: f"compliance.{short}", lambda topic: 4, load_policies().counted_labels, "bench")
    batch = packed([Out(TOPIC, 0, record.key or b"", record.value or b"") for record in records])
    waiting = [item for item in run.intake.decode(records) if isinstance(item, SealedEvent)]
    plains = [plain for plain in run.opener.open(waiting) if isinstance(plain, bytes)]
    contents = [decode_content(plain) for plain in plains]
    inputs = [Event(item.source, item.meta, content) for item, content in zip(waiting, contents, strict=True)]
    judged = process(inputs, run.rules)
    signals = [outcome.signal for outcome in judged if outcome.signal is not None]
    outcomes = run.sealer.seal(judged, run.rules.accounts, keys.public, NOW)
    outs, _ = outputs.wave(outcomes)
    detected = run.rules.detectors.detect(contents)

    class Known:
        digest = run.rules.detectors.digest

        def detect(self, contents: Sequence[Any]) -> list[Any]:
            return detected

    class Decided:
        def decide(self, signals: Sequence[Any]) -> list[Any]:
            return [outcome.decision for outcome in judged]

    def told() -> None:
        make_receipt(outcomes, [], "bench", 1, "-", NOW)
        tell(TOPIC, outcomes, [])

    known = run.rules._replace(detectors=Known(), policies=Decided())
    blocks: dict[str, Callable[[], Any]] = {
        "unpack Kafka's batch": lambda: unpacked(batch),
        "decode the events": lambda: run.intake.decode(records),
        "open (AES-256-GCM)": lambda: run.opener.open(waiting),
        "decode the contents": lambda: [decode_content(plain) for plain in plains],
        "detect": lambda: run.rules.detectors.detect(contents),
        "decide": lambda: run.rules.policies.decide(signals),
        "admit and conclude": lambda: process(inputs, known),
        "seal (AES-256-GCM)": lambda: run.sealer.seal(judged, run.rules.accounts, keys.public, NOW),
        "encode the outputs": lambda: outputs.wave(outcomes),
        "pack Kafka's batches": lambda: packed(outs),
        "receipt and metrics": told,
    }
    stored = sum(outcome.disposition is Disposition.STORED for outcome in outcomes)
    assert stored == number == len(contents), "a block did less than it should"
    return [Block(name, _alone(work, number, turns)) for name, work in blocks.items()]


def as_json(found: Sequence[Block], whole: float) -> dict[str, Any]:
    """The blocks, their sum, and what a whole worker takes (µs of CPU an event) as a multiple of it."""
    total = sum(block.microseconds for block in found)
    blocks = {block.name: round(block.microseconds, 2) for block in found}
    return {"blocks": blocks, "sum": round(total, 1), "whole": round(whole, 1), "ratio": round(whole / total, 2)}


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{name:28}{cost:>8.1f}" for name, cost in told["blocks"].items()]
    lines += [f"{'sum':28}{told['sum']:>8.1f}", f"{'a whole worker':28}{told['whole']:>8.1f}   µs of CPU an event"]
    return "\n".join([*lines, f"{'ratio':28}{told['ratio']:>8.2f}"])
