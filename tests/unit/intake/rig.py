"""A whole pass over records made by hand: real detectors, policy, keys and outputs; no broker, no vault process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from streams.codec.intake import Intake
from streams.codec.records import encode_content, encode_sealed_event
from streams.detect import load_detectors
from streams.detect.engine import DetectorSet
from streams.kafka.producer import Out
from streams.model import (
    Account,
    Accounts,
    AccountState,
    Content,
    KeyKind,
    Kind,
    Message,
    Metadata,
    Outcome,
    PublicKey,
    Record,
    Role,
    Sealed,
    Skips,
    StorageMode,
    TransitClass,
)
from streams.pipeline import Rules
from streams.policy import load_policies
from streams.policy.timeline import Timeline
from streams.vault.client import PrivateTransit
from streams.vault.hpke import new_pair
from streams.vault.keyring import PublicKeys
from streams.vault.sealing import StorageSealer
from streams.vault.transit import TransitOpener, TransitSealer
from streams.worker.outputs import Outputs, make_receipt
from streams.worker.passing import Pass

__all__ = ["DAY", "HOUR", "INTAKE", "NOW", "PLAIN", "SIGNALS", "Rig"]

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_700_000_000_000 // DAY * DAY + 12 * HOUR  # noon of 2023-11-14 (UTC)
INTAKE, PLAIN, SIGNALS = "t.intake", "t.intake.plain", "t.signals"
WAYS = {INTAKE: "sealed", PLAIN: "plain", SIGNALS: "signals"}
LARGEST = 8 << 20


@cache
def detectors() -> DetectorSet:
    return load_detectors()


@cache
def policies() -> Timeline:
    return load_policies()


class Keys:
    """Answers for private transit keys, as the vault gives them."""

    def __init__(self) -> None:
        self.known: dict[str, PrivateTransit] = {}

    async def transit(self, key_id: str) -> PrivateTransit:
        return self.known.get(key_id, PrivateTransit(None, 0, False))


class Rig:
    """Accounts `acme` (standard), `quiet` (no_storage), `edgy` (edge), `closed`; keys of both classes; one pass."""

    def __init__(self) -> None:
        self.now = NOW
        self.public = PublicKeys()
        self.keys = Keys()
        for transit_class in TransitClass:
            self.add_transit(f"transit-{transit_class.value}", transit_class)
        self.add_day("2023-11-14", NOW - 12 * HOUR)
        self.add_day("2023-11-12", NOW - 60 * HOUR)
        private, public = new_pair()
        self.account_private = private
        accounts = [
            Account("acme", 3, key_id="account-acme", public_key=public),
            Account("quiet", 4, mode=StorageMode.NO_STORAGE),
            Account("edgy", 5, mode=StorageMode.EDGE),
            Account("closed", 6, state=AccountState.CLOSED),
            Account("keyless", 7),
        ]
        self.accounts = Accounts({account.account: account for account in accounts})
        self.skips = Skips("cell")
        self.sealer = TransitSealer(self.public, lambda: self.now)
        ways: Any = WAYS
        self.passing = Pass(
            intake=Intake("cell", b"k" * 32, LARGEST, ways),
            opener=TransitOpener(),
            sealer=StorageSealer("us"),
            rules=Rules(detectors(), policies(), self.accounts, "us"),
            keys=self.public,
            source=self.keys,
            skips=self.skips,
            now_ms=lambda: self.now,
        )
        self.outputs = Outputs(lambda short: f"t.{short}", lambda topic: 4, policies().counted_labels, "w-0")
        self._offset = 0

    def add_transit(self, key_id: str, transit_class: TransitClass, end: int = NOW + 3 * DAY) -> None:
        """A transit key in force, its private half known to the vault."""
        private, public = new_pair()
        key = PublicKey(key_id, KeyKind.TRANSIT, public, NOW - HOUR, NOW + HOUR, end, transit_class)
        self.public.put(key)
        self.keys.known[key_id] = PrivateTransit(private, end, False)

    def add_day(self, day: str, start: int) -> None:
        """A day's key."""
        _, public = new_pair()
        end = start + 716 * HOUR
        self.public.put(PublicKey(f"day-{day}", KeyKind.DAY, public, start, end, end, day=day))

    def record(self, value: bytes | None, topic: str = PLAIN, at: int | None = None) -> Record:
        """The next record of a topic."""
        self._offset += 1
        return Record(topic, 0, self._offset, self.now if at is None else at, b"key", value)

    def json(self, **fields: Any) -> bytes:
        """A JSON event of `acme`."""
        return json.dumps({"event_id": "e1", "account": "acme", "prompt": "How do magnets work?", **fields}).encode()

    def sealed(
        self, account: str = "acme", text: str = "How do magnets work?", transit_class: TransitClass | None = None
    ) -> bytes:
        """A sealed event."""
        chosen = transit_class or (TransitClass.STANDARD if account == "acme" else TransitClass.NO_STORAGE)
        meta = Metadata("e1", account, Kind.PROMPT)
        content = encode_content(Content((Message(Role.USER, text),)))
        return encode_sealed_event(meta, self.sealer.seal(meta, content, chosen))

    def run(self, *records: Record) -> list[Outcome[Sealed]]:
        """One pass."""
        return asyncio.run(self.passing.run(records))

    def wave(self, outcomes: Sequence[Outcome[Sealed]]) -> list[Out]:
        """What would be delivered, the receipt last."""
        outs, _ = self.outputs.wave(outcomes)
        return [*outs, self.outputs.receipt(make_receipt(outcomes, (), "w-0", 1, "policy", self.now))]
