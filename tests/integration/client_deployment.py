"""What tests of the SDK need around it: topics, transit keys, accounts, and the worker's way of reading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from streams.client import StorageMode
from streams.codec.intake import Intake
from streams.codec.records import decode_content, encode_account, encode_key
from streams.errors import Code
from streams.model import Account, Content, KeyKind, PublicKey, SealedEvent, TransitClass
from streams.model.record import Record
from streams.vault.transit import TransitOpener

__all__ = ["Deployment", "opened", "received", "sequences", "until"]

HOUR = 3_600_000
TOPICS = {"intake": 2, "intake.plain": 2, "signals": 2, "accounts": 1, "keys": 1}


class Deployment:
    """A broker with topics, two transit keys, and an eye on all that is sent to it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.privates: dict[str, X25519PrivateKey] = {}

    def set_up(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_topics([NewTopic(f"compliance.{name}", count, 1) for name, count in TOPICS.items()])
        admin.close()
        for transit_class in TransitClass:
            self.privates[f"t-{transit_class.value}"] = private = X25519PrivateKey.generate()
            now = int(time() * 1000)
            key = PublicKey(
                key_id=f"t-{transit_class.value}",
                kind=KeyKind.TRANSIT,
                public=private.public_key().public_bytes_raw(),
                seal_from=now - 1000,
                seal_until=now + HOUR,
                end=now + 2 * HOUR,
                transit_class=transit_class,
            )
            self.put("keys", key.key_id, encode_key(key))

    def put(self, topic: str, key: str, value: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=self.bootstrap)
        producer.send(f"compliance.{topic}", key=key.encode(), value=value).get(10)
        producer.close()

    def account(self, name: str, mode: StorageMode, version: int = 1) -> None:
        self.put("accounts", name, encode_account(Account(account=name, mode=mode, version=version)))

    def read(self, topic: str, count: int, seconds: float = 20.0) -> list[Any]:
        """The first records of a topic, `count` of them at least, or as many as came in time."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        parts = [TopicPartition(f"compliance.{topic}", number) for number in range(TOPICS[topic])]
        consumer.assign(parts)
        found: list[Any] = []
        until = monotonic() + seconds
        while len(found) < count and monotonic() < until:
            found += [record for records in consumer.poll(timeout_ms=200).values() for record in records]
        consumer.close()
        return found

    def ended(self, topic: str) -> int:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        parts = [TopicPartition(f"compliance.{topic}", number) for number in range(TOPICS[topic])]
        total = int(sum(consumer.end_offsets(parts).values()))
        consumer.close()
        return total


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition, by looking at it."""
    limit, pause = monotonic() + seconds, threading.Event()
    while not condition():
        assert monotonic() < limit, "the condition did not come to pass"
        pause.wait(0.05)


def received(record: Any) -> Record:
    return Record(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)


def decoded(records: list[Any]) -> list[SealedEvent]:
    intake = Intake("cell", bytes(32), 10**7, {"compliance.intake": "sealed"})
    events = intake.decode([received(record) for record in records])
    sealed = [event for event in events if isinstance(event, SealedEvent)]
    assert len(sealed) == len(events)
    return sealed


def sequences(records: list[Any]) -> list[int]:
    return sorted(event.meta.sequence or 0 for event in decoded(records))


def opened(deployment: Deployment, records: list[Any]) -> list[tuple[SealedEvent, Content]]:
    """What the worker would read, with the private keys of the deployment."""
    events = decoded(records)
    opener = TransitOpener()
    for key_id, private in deployment.privates.items():
        opener.put(key_id, private.private_bytes_raw(), int(time() * 1000) + HOUR)
    contents = opener.open(events)
    assert not [code for code in contents if isinstance(code, Code)]
    return [(event, decode_content(data)) for event, data in zip(events, contents, strict=True)]  # type: ignore[arg-type]
