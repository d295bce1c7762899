"""Acts on Kafka by clients that know nothing of ours, and which role must be refused which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    NewTopic,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest

from streams.demo.processes import until
from streams.kafka.clients import kafka_python_arguments
from streams.settings import Settings

__all__ = ["ACTS", "ALLOWED", "FORBIDDEN", "REFUSALS", "by_admin", "everything_of", "listed"]


def read(settings: Settings, topic: str) -> None:
    """Ask for records of both partitions by name, whether or not this user may see the topic.

    Clients would first look where the topic is, and wait when it is hidden. The journal's start is asked for by a fetch
    at 0: where that was purged, the broker says "out of range" to those alone who may read.
    """
    parts = [
        FetchRequest.FetchTopic.FetchPartition(
            partition=number, current_leader_epoch=-1, fetch_offset=0, log_start_offset=-1, partition_max_bytes=1 << 20
        )
        for number in range(2)
    ]
    asked = FetchRequest(
        replica_id=-1,
        max_wait_ms=100,
        min_bytes=1,
        max_bytes=1 << 20,
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[FetchRequest.FetchTopic(topic=topic, partitions=parts)],
        forgotten_topics_data=[],
        rack_id="",
        max_version=12,
    )
    told = by_admin(settings, lambda admin: admin._manager.run(admin._manager.send, asked))
    codes = {part.error_code for one in told.responses for part in one.partitions}
    for code in codes - {0, OffsetOutOfRangeError.errno, UnknownTopicOrPartitionError.errno}:
        raise for_code(code)
    assert codes & {0, OffsetOutOfRangeError.errno}, "some partition is there"


def write(settings: Settings, topic: str) -> None:
    producer = KafkaProducer(**kafka_python_arguments(settings.kafka), enable_idempotence=False)
    try:
        producer.send(topic, key=b"k", value=b"not allowed", partition=0).get(10)
    finally:
        producer.close()


def by_admin(settings: Settings, act: Callable[[Any], Any]) -> Any:
    admin = KafkaAdminClient(**kafka_python_arguments(settings.kafka))
    try:
        return act(admin)
    finally:
        admin.close()


def purge(settings: Settings, topic: str) -> None:
    by_admin(settings, lambda admin: admin.delete_records({TopicPartition(topic, 0): 1}))


def delete(settings: Settings, topic: str) -> None:
    by_admin(settings, lambda admin: admin.delete_topics([topic]))


def create(settings: Settings, topic: str) -> None:
    by_admin(settings, lambda admin: admin.create_topics([NewTopic(topic, 1, 1)]))


def keep_longer(settings: Settings, topic: str) -> None:
    resource = ConfigResource("TOPIC", topic, {"retention.ms": "-1"})
    answers = by_admin(settings, lambda admin: admin.alter_configs([resource]))
    if (told := answers["topic"][topic]) != "OK":
        raise TopicAuthorizationFailedError(told) if "TopicAuthorizationFailed" in told else KafkaError(told)


def join(settings: Settings, group: str) -> None:
    consumer = KafkaConsumer(**kafka_python_arguments(settings.kafka), group_id=group)
    try:
        consumer.subscribe(pattern=r"^compliance\..*")
        until(lambda: bool(consumer.assignment()) or consumer.poll(500) is None, 10, f"joining {group}", lambda: None)
    finally:
        consumer.close(autocommit=False)


def permit(settings: Settings, topic: str) -> None:
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    acl = ACL("User:stranger", "*", ACLOperation.READ, ACLPermissionType.ALLOW, pattern)
    failed = by_admin(settings, lambda admin: admin.create_acls([acl]))["failed"]
    if failed:
        raise failed[0]


ACTS: dict[str, Callable[[Settings, str], None]] = {
    one.__name__: one for one in (read, write, purge, delete, create, keep_longer, join, permit)
}
# How each is refused: by the authorizer, and for what it is about.
REFUSALS: Mapping[str, type[Exception]] = {
    **dict.fromkeys(ACTS, TopicAuthorizationFailedError),
    "join": GroupAuthorizationFailedError,
    "permit": ClusterAuthorizationFailedError,
}
# The same acts by the same users where they are allowed: so a refusal is no mistake of the act's.
ALLOWED = """
application: read accounts; write signals
plain_producer: write intake.plain
worker: read accounts; read keys; read skips; write dead-letter
janitor: read keys
administrator: read accounts; write skips
auditor: read receipts
operator: read dead-letter
all_areas: read violations.malware; join trust-safety
child_safety: read violations.child-safety; join child-protection
some_areas: read violations.malware
ledger: read ledger; join enforcement
super: read tagged; write shadow; purge tagged; join any
"""
FORBIDDEN = """
application: read intake; read tagged; read receipts; read violations.malware; write tagged; write keys; write accounts
application: write violations.malware; write receipts; write intake.plain; purge intake; join compliance-worker
application: write skips; read skips
plain_producer: write skips
worker: write skips
janitor: write skips
operator: write skips
plain_producer: write intake; write signals; read intake.plain; read accounts; read keys; purge intake.plain
worker: purge intake; purge intake.plain; purge tagged; delete intake; delete tagged; read tagged; read receipts
worker: read violations.child-safety; read dead-letter; read ledger; write intake; write keys; write accounts
worker: keep_longer tagged; keep_longer intake; permit tagged; join trust-safety; create new
janitor: read tagged; read intake; read intake.plain; read violations.malware; write accounts; write receipts
janitor: purge tagged; purge receipts; delete tagged; keep_longer intake; join compliance-worker; permit tagged
vault: read keys; write keys; read intake; read tagged; write intake
administrator: read tagged; read intake; read violations.child-safety; write keys; write tagged; write receipts
administrator: purge intake; delete tagged; permit tagged; join compliance-worker; create elsewhere
auditor: read tagged; read dead-letter; read violations.malware; write receipts; keep_longer receipts; permit tagged
operator: read tagged; read intake; write dead-letter; purge intake; keep_longer tagged; permit tagged
all_areas: read violations.child-safety; read tagged; read shadow; write violations.malware; purge violations.malware
all_areas: join compliance-worker; join compliance-worker-rates; join child-protection; permit tagged
some_areas: read violations.adult; read violations.child-safety; join trust-safety
child_safety: read violations.malware; read tagged
ledger: read tagged; write ledger; read violations.malware
stranger: read violations.malware; write intake.plain; read accounts; read keys; join stranger; permit tagged
"""


def listed(acts: str) -> Iterator[Any]:
    """Role, act and subject, for each act of a list."""
    for line in acts.strip().splitlines():
        role, told = line.split(": ")
        for act in told.split("; "):
            name, subject = act.split()
            yield pytest.param(role, name, subject, id=f"{role}-{name}-{subject}")


def everything_of(principal: str) -> ACLFilter:
    """A filter for all permissions of a principal."""
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
