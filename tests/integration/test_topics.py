"""The table of topics on the embedded broker and on a real Kafka: created, checked, mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka.admin import ConfigResource, KafkaAdminClient

from streams.errors import BrokerUnavailable, DriftError
from streams.kafka.acl_admin import AclAdmin
from streams.kafka.admin import Admin, NotSupported, apply, check, partition_counts, refuse_drift
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.topics import TOPICS, topic_name
from streams.settings import Settings
from tests.integration.deployment import deploy
from tests.kafka_server import KafkaServer

BOTH = pytest.mark.parametrize(
    "bootstrap",
    [pytest.param("broker", marks=pytest.mark.broker), pytest.param("kafka", marks=pytest.mark.kafka)],
    indirect=True,
)


@pytest.fixture
def bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of the broker that the parameter names."""
    running: EmbeddedBroker | KafkaServer = request.getfixturevalue(request.param)
    return running.bootstrap


def change(settings: Settings, short: str, configs: dict[str, str]) -> None:
    client = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    client.alter_configs([ConfigResource("TOPIC", topic_name(settings.topics, short), configs)])
    client.close()


@BOTH
def test_all_is_created_and_doing_it_again_does_nothing(bootstrap: str, tmp_path: Path) -> None:
    settings = deploy(bootstrap, tmp_path, create=False)
    with pytest.raises(DriftError, match="is missing"):
        refuse_drift(settings)
    assert {change.what for change in apply(settings, dry_run=True)} == {"created"}
    assert partition_counts(settings) == {}
    assert len(apply(settings)) == len(TOPICS)
    assert (check(settings), apply(settings)) == ([], [])
    refuse_drift(settings)
    counts = partition_counts(settings)
    assert {counts[topic_name(settings.topics, one.name)] for one in TOPICS if not one.single} == {2}
    assert counts[topic_name(settings.topics, "accounts")] == 1


@BOTH
def test_what_keeps_longer_is_refused_and_mended(bootstrap: str, tmp_path: Path) -> None:
    settings = deploy(bootstrap, tmp_path)
    change(settings, "tagged", {"retention.ms": "-1"})
    change(settings, "shadow", {"retention.ms": "1000"})
    found = {(drift.topic.split(".", 1)[1], drift.kind): drift.keeps_longer for drift in check(settings)}
    assert found == {("tagged", "retention.ms"): True, ("shadow", "retention.ms"): False}
    with pytest.raises(DriftError, match=r"retention\.ms is -1, should be 2419200000"):
        refuse_drift(settings)
    assert {change.what for change in apply(settings)} == {"set"}
    assert check(settings) == []


@pytest.mark.broker
def test_embedded_says_what_it_cannot_do(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = deploy(broker.bootstrap, tmp_path, partitions=1)
    wider = settings.model_copy(update={"topics": settings.topics.model_copy(update={"partitions": 2})})
    assert {change.what for change in apply(wider)} == {"impossible"}
    with Admin(settings) as admin:
        assert admin.features().embedded
        with pytest.raises(NotSupported, match="cannot delete records"):
            admin.purge({("any", 0): 1})
    with AclAdmin(settings) as admin, pytest.raises(NotSupported, match="knows no permissions"):
        admin.check_acls([])


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        check(deploy("127.0.0.1:1", tmp_path, create=False))
