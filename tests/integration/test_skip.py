"""A record that ends every worker which reads it holds a partition up; with `streams skip` the next one goes past."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.deployment import Deployment, deploy_on, settle
from streams.codec.records import decode_dead_letter
from streams.demo.processes import fetch
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Placed, Publisher, Reader
from streams.kafka.topics import topic_name
from streams.metrics import samples
from streams.model import StorageMode
from tests.integration.crashing_worker import FATAL

pytestmark = pytest.mark.broker
SECONDS = 60.0
ROOT = Path(__file__).parents[2]
POISON = 30


@pytest.fixture
def deployment(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Deployment]:
    extra = {"STREAMS_TOPICS__PREFIX": f"s{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": "1"}
    extra |= {"STREAMS_WORKER__SESSION_TIMEOUT": "6", "STREAMS_JANITOR__INTERVAL": "1"}
    with deploy_on(broker.bootstrap, tmp_path, {"acme": StorageMode.STANDARD}, extra) as running:
        yield running


def fragile(deployment: Deployment) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.crashing_worker"]
    return subprocess.Popen(command, env={**os.environ, **deployment.environment}, cwd=ROOT, stderr=subprocess.DEVNULL)


def skip(deployment: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams", "skip", *words, "--by", "eve"]
    environment = {**os.environ, **deployment.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)


def publish(deployment: Deployment, number: int) -> list[Placed]:
    """Plain events, one of which no worker survives."""
    texts = [FATAL if i == POISON else "How long must bread rise?" for i in range(number)]
    values = [json.dumps({"event_id": f"e{i}", "account": "acme", "prompt": text}) for i, text in enumerate(texts)]
    with Publisher(deployment.settings.kafka) as publisher:
        topic = topic_name(deployment.settings.topics, "intake.plain")
        return publisher.publish(topic, [(b"k", value.encode()) for value in values])


def test_after_a_skip_the_worker_goes_past_what_ended_it_before(deployment: Deployment) -> None:
    poison = publish(deployment, 50)[POISON]
    for _ in range(2):
        assert fragile(deployment).wait(SECONDS) == -signal.SIGSEGV, "it dies at the same record again and again"

    place = ("intake.plain", str(poison.partition), str(poison.offset))
    done = skip(deployment, *place, "--reason", "ends workers, case 17")
    assert done.returncode == 0, done.stderr
    assert f"intake.plain/{poison.partition}:{poison.offset} will be skipped" in done.stdout
    again = skip(deployment, *place, "--reason", "another", "--json")
    assert json.loads(again.stdout)["already"] is True
    assert json.loads(again.stdout)["reason"] == "ends workers, case 17"

    worker = fragile(deployment)
    try:
        report = settle(deployment)
        status, text = fetch(deployment.page(0))
    finally:
        worker.terminate()
        assert worker.wait(SECONDS) == 0
    assert report.ok
    assert report.totals == {"stored": 49, "dead_letter": 1}
    assert report.skipped == 1
    assert [one.skipped for one in report.sources if one.skipped] == [(poison.offset,)]
    assert status == 200
    rejected = {labels["code"]: value for name, labels, value in samples(text) if name == "streams_rejected_total"}
    assert rejected == {"skipped": 1}
    with Reader(deployment.settings.kafka) as reader:
        (letter,) = reader.read([topic_name(deployment.settings.topics, "dead-letter")])
    assert decode_dead_letter(letter.value or b"").source.offset == poison.offset

    late = skip(deployment, *place[:2], str(poison.offset - 1), "--reason", "too late")
    assert late.returncode == 2
    assert "has ended already" in late.stderr
    beyond = skip(deployment, *place[:2], "50", "--reason", "not there")
    assert beyond.returncode == 2
    assert "there is no offset 50" in beyond.stderr
