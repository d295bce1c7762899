"""The janitor with a real vault, on the embedded broker and on a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from msgspec import structs

from streams.codec.records import decode_key, encode_key
from streams.kafka.admin import Admin, check
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.janitor import Janitor, Step, StepResult
from streams.lifecycle.running import open_janitor
from streams.model import KeyKind, PublicKey
from streams.settings import Settings
from tests.integration.deployment import deploy, vault
from tests.kafka_server import KafkaServer


def keys_of(settings: Settings) -> dict[str, PublicKey]:
    with Reader(settings.kafka) as reader:
        records = list(reader.read([topic_name(settings.topics, "keys")]))
    found = {}
    for record in records:
        key = decode_key(record.value or b"")
        assert record.key == key.key_id.encode()
        found[key.key_id] = key
    return found


def steps(janitor: Janitor) -> dict[str, Step]:
    return {step.name: step for step in janitor.round().steps}


@pytest.mark.broker
def test_keys_are_published_and_the_embedded_broker_is_told_of(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with vault(settings) as control, open_janitor(settings) as janitor:
        first = steps(janitor)
        live = control.rotate()
        published = keys_of(settings)
        assert published == {key.key_id: key for key in live}
        assert {key.kind for key in live} == set(KeyKind)
        assert first["purge"].result is StepResult.UNABLE
        assert "embedded broker" in first["purge"].text
        assert first["drift"].numbers == {"drifts": 0, "keeps_longer": 0}
        assert first["status"].numbers["overdue"] == 0
        assert steps(janitor)["publish"].numbers["published"] == 0


@pytest.mark.broker
def test_a_key_that_ended_while_nobody_looked_is_published_as_ended(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with vault(settings) as control, open_janitor(settings) as janitor, Publisher(settings.kafka) as publisher:
        gone = structs.replace(control.rotate()[0], key_id="transit-gone", end=1_700_000_000_000)
        publisher.publish(topic_name(settings.topics, "keys"), [(b"transit-gone", encode_key(gone))])
        assert janitor.round().ok
        assert keys_of(settings)["transit-gone"] == structs.replace(gone, ended=True)


@pytest.mark.broker
def test_without_a_vault_the_other_steps_go_on(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    with open_janitor(settings) as janitor:
        done = steps(janitor)
        assert [done[name].result for name in ("rotate", "end", "status")] == [StepResult.FAILED] * 3
        assert [done[name].result for name in ("publish", "drift")] == [StepResult.DONE] * 2


def test_without_kafka_keys_are_still_ended(tmp_path: Path) -> None:
    settings = deploy("127.0.0.1:1", tmp_path, create=False)
    with vault(settings), open_janitor(settings) as janitor:
        done = steps(janitor)
        assert [done[name].result for name in ("rotate", "end", "status")] == [StepResult.DONE] * 3
        assert [done[name].result for name in ("publish", "purge", "drift")] == [StepResult.FAILED] * 3


def commit(settings: Settings, group: str, place: TopicPartition, offset: int) -> None:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka.bootstrap, group_id=group, enable_auto_commit=False)
    consumer.assign([place])
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def starts(settings: Settings, topic: str) -> list[int]:
    with Reader(settings.kafka) as reader:
        return [start for _, (start, _) in sorted(reader.bounds([topic]).items())]


@pytest.mark.kafka
def test_intake_is_purged_up_to_the_lowest_commit_and_never_past_it(kafka: KafkaServer, tmp_path: Path) -> None:
    settings = deploy(kafka.bootstrap, tmp_path)
    topics = {short: topic_name(settings.topics, short) for short in ("intake", "intake.plain", "tagged")}
    with Publisher(settings.kafka) as publisher:
        for topic in topics.values():
            publisher.publish(topic, [(b"acme#0", b"x" * 20)] * 30)
    with Reader(settings.kafka) as reader:
        held = reader.bounds([topics["intake"]])
    place = next(TopicPartition(*at) for at, (_, end) in held.items() if end == 30)
    plain = TopicPartition(topics["intake.plain"], place.partition)
    commit(settings, "audit", place, 12)
    commit(settings, "audit", plain, 30)
    with vault(settings), open_janitor(settings) as janitor:
        assert steps(janitor)["purge"].numbers == {"records": 0, "partitions": 0}
        assert set(starts(settings, place.topic) + starts(settings, plain.topic)) == {0}
        commit(settings, settings.worker.group, place, 20)
        commit(settings, settings.worker.group, plain, 30)
        assert steps(janitor)["purge"].numbers == {"records": 42, "partitions": 2}
        assert starts(settings, place.topic)[place.partition] == 12
        assert starts(settings, plain.topic)[plain.partition] == 30
        assert starts(settings, topics["tagged"]) == [0, 0]
        assert steps(janitor)["purge"].numbers == {"records": 0, "partitions": 0}
        assert janitor.round().ok


@pytest.mark.kafka
def test_a_drift_on_a_real_kafka_is_found_and_mended(kafka: KafkaServer, tmp_path: Path) -> None:
    settings = deploy(kafka.bootstrap, tmp_path)
    wider = settings.model_copy(update={"topics": settings.topics.model_copy(update={"partitions": 3})})
    drifts = check(wider)
    assert {drift.kind for drift in drifts} == {"partitions"}
    with vault(wider), open_janitor(wider) as janitor:
        assert steps(janitor)["drift"].numbers["drifts"] == len(drifts)
        with Admin(wider) as admin:
            assert {change.what for change in admin.apply()} == {"grown"}
        assert steps(janitor)["drift"].numbers["drifts"] == 0
