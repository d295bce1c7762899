"""A real Prometheus scrapes real workers under load: no query of a dashboard comes back empty, and no alert fires."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from time import monotonic

import pytest

from bench.deployment import Deployment, deploy_on, send
from streams.demo.traffic import ACCOUNTS, samples
from streams.kafka.reading import Publisher
from streams.kafka.topics import topic_name
from streams.model import StorageMode
from tests.contract.test_metrics_doc import dashboards, rules
from tests.kafka_server import KafkaServer
from tests.prometheus_server import PrometheusServer, serve

pytestmark = pytest.mark.kafka
SECONDS = 90.0
BROKEN = (b"\xc3\x01", b"{no json", b"")


@pytest.fixture
def deployment(kafka: KafkaServer, tmp_path: Path) -> Iterator[Deployment]:
    extra = {"STREAMS_TOPICS__PREFIX": f"p{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": "4"}
    extra |= {"STREAMS_JANITOR__INTERVAL": "1"}
    accounts = {name: StorageMode(mode) for name, mode in ACCOUNTS.items()}
    with deploy_on(kafka.bootstrap, tmp_path, accounts, extra) as running:
        running.worker("--workers", "2")
        yield running


def load(deployment: Deployment) -> None:
    """Some of everything: every area, every storage mode, and records that cannot be read."""
    accounts = cycle(ACCOUNTS)
    send(deployment, ({**sample.fields(), "account": next(accounts)} for sample in islice(samples(7), 200)))
    with Publisher(deployment.settings.kafka) as publisher:
        publisher.publish(topic_name(deployment.settings.topics, "intake.plain"), [(b"k", value) for value in BROKEN])


def asked() -> list[str]:
    """Every query of both dashboards, and every recorded one."""
    found = [
        t["expr"] for board in dashboards().values() for panel in board["panels"] for t in panel.get("targets", ())
    ]
    found += [rule["record"] for rule in rules() if "record" in rule]
    return [query.replace("$__rate_interval", "30s") for query in found]


def empty(prometheus: PrometheusServer) -> list[str]:
    return [query for query in asked() if not prometheus.query(query)]


def test_no_query_of_a_dashboard_is_empty_under_load_and_no_alert_fires(deployment: Deployment, tmp_path: Path) -> None:
    settings = deployment.settings
    targets = {
        "worker": [f"127.0.0.1:{settings.worker.http_port + index}" for index in range(2)],
        "janitor": [f"127.0.0.1:{settings.janitor.http_port}"],
    }
    with serve(tmp_path / "prometheus", targets) as prometheus:
        deadline = monotonic() + SECONDS
        load(deployment)
        while (missing := empty(prometheus)) and monotonic() < deadline:
            deployment.processes.check()
            load(deployment)
        assert missing == []
        assert len(asked()) > 50
        assert [alert["metric"]["alertname"] for alert in prometheus.query('ALERTS{alertstate="firing"}')] == []
