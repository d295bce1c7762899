"""Two workers on a real Kafka: killed, stopped like a zombie, purged behind; nothing is lost, and nobody is fooled."""

from __future__ import annotations

import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from bench.deployment import Deployment, deploy_on, send, settle
from streams.codec.records import decode_tagged
from streams.demo.processes import fetch, until
from streams.kafka.admin import Admin, committed_offsets
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.receipts import check_receipts
from streams.metrics import samples
from streams.model import Source, StorageMode
from tests.kafka_server import KafkaServer

pytestmark = pytest.mark.kafka
LOAD = 12_000
SECONDS = 60.0
PARTITIONS = 4


@pytest.fixture
def deployment(kafka: KafkaServer, tmp_path: Path) -> Iterator[Deployment]:
    extra = {"STREAMS_TOPICS__PREFIX": f"f{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": str(PARTITIONS)}
    extra |= {"STREAMS_WORKER__SESSION_TIMEOUT": "6", "STREAMS_JANITOR__INTERVAL": "1"}
    extra |= {"STREAMS_WORKER__BATCH_RECORDS": "200", "STREAMS_WORKER__STALL_SECONDS": "120"}
    with deploy_on(kafka.bootstrap, tmp_path, {"acme": StorageMode.STANDARD}, extra) as running:
        yield running


def load(number: int) -> Iterator[dict[str, str]]:
    for i in range(number):
        yield {"prompt": f"How long must bread rise? {i}", "account": "acme", "conversation": f"c-{i % 500}"}


def metric(deployment: Deployment, index: int, wanted: str) -> float:
    """The sum of one metric of a worker; 0 while it does not answer."""
    status, text = fetch(deployment.page(index))
    return sum(value for name, _, value in samples(text) if name == wanted) if status == 200 else 0.0


def two_workers(deployment: Deployment) -> list[subprocess.Popen[bytes]]:
    """Two workers that share the partitions, by index."""
    processes = [deployment.processes.start("worker", "--index", str(index)) for index in range(2)]
    until(
        lambda: all(metric(deployment, index, "streams_assigned_partitions") > 0 for index in range(2)),
        SECONDS,
        "both workers' share of partitions",
        deployment.processes.check,
    )
    return processes


def tagged(deployment: Deployment) -> list[Source]:
    with Reader(deployment.settings.kafka) as reader:
        records = list(reader.read([topic_name(deployment.settings.topics, "tagged")]))
    return [decode_tagged(record.value or b"").source for record in records]


def assert_nothing_is_lost(deployment: Deployment, number: int) -> None:
    report = settle(deployment)
    assert report.ok
    assert report.totals == {"stored": number}
    found = tagged(deployment)
    assert len(set(found)) == number


def test_one_of_two_killed_under_load_loses_nothing(deployment: Deployment) -> None:
    _, victim = two_workers(deployment)
    send(deployment, load(LOAD))
    until(lambda: metric(deployment, 1, "streams_records_total") > 0, SECONDS, "work", deployment.processes.check)
    assert deployment.processes.end(victim, signal.SIGKILL) == -signal.SIGKILL
    assert_nothing_is_lost(deployment, LOAD)


def test_a_worker_that_slept_past_its_session_does_not_move_the_commit_of_the_one_that_took_over(
    deployment: Deployment,
) -> None:
    _, zombie = two_workers(deployment)
    send(deployment, load(LOAD))
    until(lambda: metric(deployment, 1, "streams_records_total") > 0, SECONDS, "work", deployment.processes.check)
    zombie.send_signal(signal.SIGSTOP)
    try:
        until(
            lambda: metric(deployment, 0, "streams_assigned_partitions") >= 3 * PARTITIONS,
            SECONDS,
            "the other worker's taking over",
            lambda: None,
        )
        assert_nothing_is_lost(deployment, LOAD)
    finally:
        zombie.send_signal(signal.SIGCONT)
    before = committed(deployment)
    send(deployment, load(500))
    assert_nothing_is_lost(deployment, LOAD + 500)
    after = committed(deployment)
    assert all(after[place] >= offset for place, offset in before.items()), "no commit moved back"


def test_a_worker_whose_kafka_is_gone_stops_when_it_is_told_to_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir()
    log = tmp_path / "logs" / "worker.log"
    accounts = {"acme": StorageMode.STANDARD}
    with KafkaServer(folder) as mine, deploy_on(mine.bootstrap, tmp_path, accounts, {}) as deployment:
        worker = deployment.worker()
        send(deployment, load(100))
        assert_nothing_is_lost(deployment, 100)
        mine.kill()
        until(
            lambda: "Heartbeat send request failed" in log.read_text(),
            SECONDS,
            "the worker's notice",
            deployment.processes.check,
        )
        assert deployment.processes.end(worker) == 0
    said = log.read_text()
    assert "Traceback" not in said
    assert said.count("\n") < 60, "a broker that is gone does not fill the log"


def committed(deployment: Deployment) -> dict[tuple[str, int], int]:
    """What the workers' group has committed, by partition of `intake`."""
    topic = topic_name(deployment.settings.topics, "intake")
    found = committed_offsets(deployment.settings, [topic])
    group = deployment.settings.worker.group
    return {(place[0], place[1]): groups[group] for place, groups in found.items() if group in groups}


def test_the_janitor_purges_what_is_committed_and_nothing_beyond_it(deployment: Deployment) -> None:
    topic = topic_name(deployment.settings.topics, "intake")
    worker = deployment.worker()
    send(deployment, load(2_000))
    report = settle(deployment)
    assert report.totals == {"stored": 2_000}
    with Reader(deployment.settings.kafka) as reader:
        until(
            lambda: sum(start for start, _ in reader.bounds([topic]).values()) == 2_000,
            SECONDS,
            "the purge of all that was committed",
            deployment.processes.check,
        )
        assert deployment.processes.end(worker) == 0
        send(deployment, load(300))
        rounds = metric_of_janitor(deployment)
        until(lambda: metric_of_janitor(deployment) >= rounds + 3, SECONDS, "three rounds", deployment.processes.check)
        bounds = reader.bounds([topic])
        assert sum(end - start for start, end in bounds.values()) == 300, "what nobody has read is still there"
    deployment.worker()
    final = settle(deployment)
    assert final.ok
    assert final.totals == {"stored": 2_300}


def metric_of_janitor(deployment: Deployment) -> float:
    status, text = fetch(f"http://127.0.0.1:{deployment.settings.janitor.http_port}/metrics")
    assert status == 200
    return sum(value for name, _, value in samples(text) if name == "streams_janitor_rounds_total")


def test_a_log_that_was_cut_ahead_of_the_commit_is_noticed_and_accounted_for_as_lost(deployment: Deployment) -> None:
    topic = topic_name(deployment.settings.topics, "intake.plain")
    value = b'{"event_id": "e", "account": "acme", "prompt": "hello"}'
    with Publisher(deployment.settings.kafka) as publisher:
        placed = publisher.publish(topic, [(b"k", value)] * 100)
    partition = placed[0].partition
    worker = deployment.worker()
    settle(deployment)
    assert deployment.processes.end(worker) == 0
    with Publisher(deployment.settings.kafka) as publisher:
        publisher.publish(topic, [(b"k", value)] * 50)
    with Admin(deployment.settings) as admin:
        admin.purge({(topic, partition): 130})
    with Publisher(deployment.settings.kafka) as publisher:
        publisher.publish(topic, [(b"k", value)] * 5)
    deployment.worker()
    report = settle(deployment)
    assert report.ok
    assert report.totals == {"stored": 125, "lost": 30}
    assert metric(deployment, 0, "streams_rejected_total") >= 30


def test_a_topic_that_would_keep_content_longer_stops_a_worker_from_starting(deployment: Deployment) -> None:
    topic = topic_name(deployment.settings.topics, "tagged")
    admin = KafkaAdminClient(bootstrap_servers=deployment.settings.kafka.bootstrap)
    admin.alter_configs([ConfigResource("TOPIC", topic, {"retention.ms": str(400 * 24 * 3_600_000)})])
    admin.close()
    worker = deployment.processes.start("worker")
    assert worker.wait(SECONDS) == 2
    log = (deployment.settings.vault.directory.parent / "logs" / "worker.log").read_text()
    assert "retention.ms" in log
    assert "streams topics apply" in log
    assert check_receipts(deployment.settings).pending == 0
