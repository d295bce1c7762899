"""A healthy deployment has nothing wrong; then one part after the other is broken, and each is named."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from bench.deployment import Deployment, deploy_on, send, settle
from streams.codec.records import encode_key, encode_receipt
from streams.demo.processes import until
from streams.doctor import CHECKS, State, examine
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Publisher
from streams.kafka.topics import topic_name
from streams.model import Disposition, KeyKind, PublicKey, Receipt, Run, StorageMode, TransitClass
from tests.kafka_server import KafkaServer

SECONDS = 60.0
ACCOUNTS = {"acme": StorageMode.STANDARD}
LOAD = [{"prompt": "How long must bread rise?", "account": "acme", "conversation": f"c-{i}"} for i in range(100)]


def options() -> dict[str, str]:
    extra = {"STREAMS_TOPICS__PREFIX": f"d{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": "2"}
    return extra | {"STREAMS_WORKER__SESSION_TIMEOUT": "6", "STREAMS_JANITOR__INTERVAL": "1"}


@pytest.fixture
def deployment(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Deployment]:
    with deploy_on(broker.bootstrap, tmp_path, ACCOUNTS, options()) as running:
        yield running


def look(deployment: Deployment, *without: str) -> dict[str, set[str]]:
    """The states of each check."""
    results = examine(CHECKS, deployment.settings, without)
    return {one.check: {remark.state.value for remark in one.remarks} for one in results}


def wrongs(deployment: Deployment) -> set[str]:
    return {name for name, states in look(deployment).items() if State.WRONG in states}


def told(deployment: Deployment, check: str) -> str:
    (result,) = [one for one in examine(CHECKS, deployment.settings) if one.check == check]
    return " ".join(remark.what + remark.remedy for remark in result.remarks)


def end(deployment: Deployment, name: str) -> None:
    for found, process in deployment.processes.running:
        if found == name:
            deployment.processes.end(process)


def commits(deployment: Deployment) -> None:
    """Wait until what was read is committed."""
    until(lambda: "everything" in told(deployment, "lag"), SECONDS, "the commit", deployment.processes.check)


@pytest.mark.broker
def test_each_part_that_is_broken_is_named_and_nothing_else(deployment: Deployment) -> None:
    deployment.worker()
    send(deployment, LOAD)
    settle(deployment)
    commits(deployment)
    healthy = look(deployment)
    assert {name for name, states in healthy.items() if not states <= {"ok", "not_checked"}} == set()
    assert {name for name, states in healthy.items() if states == {"not_checked"}} == {"clock", "group"}, "embedded"

    end(deployment, "worker")
    assert wrongs(deployment) == {"workers"}
    send(deployment, LOAD)
    assert "100 records wait" in told(deployment, "lag")
    assert "(key transit-s-" in told(deployment, "lag")

    end(deployment, "janitor")
    assert wrongs(deployment) == {"workers", "janitor"}
    end(deployment, "vault")
    assert wrongs(deployment) == {"workers", "janitor", "vault"}
    assert look(deployment)["cell"] == {"not_checked"}
    assert look(deployment, "vault", "janitor", "workers")["vault"] == {"not_checked"}


@pytest.mark.broker
def test_keys_of_another_vault_a_gap_in_receipts_and_a_missing_topic_are_named(deployment: Deployment) -> None:
    settings = deployment.settings
    until(lambda: "cell" not in wrongs(deployment) and "keys" not in wrongs(deployment), SECONDS, "keys", lambda: None)
    end(deployment, "janitor")  # it would mend the topic of keys
    now = time.time_ns() // 1_000_000
    later = now + 3_600_000
    foreign = PublicKey("transit-s-foreign", KeyKind.TRANSIT, b"P" * 32, now, later, later, TransitClass.STANDARD)
    intake = topic_name(settings.topics, "intake")
    run, behind = Run(0, 4, Disposition.STORED), Run(8, 9, Disposition.STORED)
    receipt = Receipt(settings.cell, intake, 0, (run, behind), "w", 1, "p", now)
    with Publisher(settings.kafka) as publisher:
        publisher.publish(topic_name(settings.topics, "keys"), [(foreign.key_id.encode(), encode_key(foreign))])
        publisher.publish(intake, [(b"k", b"nothing of ours")] * 40)
        publisher.publish(topic_name(settings.topics, "receipts"), [(b"k", encode_receipt(receipt))])
    assert "1 of 8 published keys are not this vault's" in told(deployment, "cell")
    assert "gap" in told(deployment, "receipts")

    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    admin.delete_topics([topic_name(settings.topics, "shadow")])
    admin.close()
    assert "shadow is missing" in told(deployment, "topics")
    assert "streams topics apply" in told(deployment, "topics")


@pytest.mark.broker
def test_without_kafka_the_other_parts_are_still_looked_at(broker: EmbeddedBroker, deployment: Deployment) -> None:
    broker.stop()
    found = look(deployment)
    assert found["kafka"] == {"wrong"}
    assert found["vault"] == {"ok"}
    assert {found[name].pop() for name in ("topics", "clock", "keys", "cell", "group", "lag", "receipts")} == {
        "not_checked"
    }


@pytest.mark.kafka
def test_on_a_real_kafka_group_version_and_clock_are_looked_at(kafka: KafkaServer, tmp_path: Path) -> None:
    unpurged = options() | {"STREAMS_JANITOR__PURGE": "false"}  # the broker's clock is seen by records on the sources
    with deploy_on(kafka.bootstrap, tmp_path, ACCOUNTS, unpurged) as deployment:
        assert "no worker is a member" in told(deployment, "group")
        worker = deployment.worker()
        send(deployment, LOAD)
        settle(deployment)
        commits(deployment)
        healthy = look(deployment)
        assert {name for name, states in healthy.items() if states != {"ok"}} == set()
        assert "1 members, stable" in told(deployment, "group")
        deployment.processes.end(worker)
        assert wrongs(deployment) == {"workers", "group"}
