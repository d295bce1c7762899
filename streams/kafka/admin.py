"""Creates, checks and purges topics; knows what the broker can and cannot do. On kafka-python's admin client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
    SecurityDisabledError,
    TopicAlreadyExistsError,
)

from streams.errors import BrokerUnavailable, ConfigurationError, DriftError
from streams.kafka.clients import kafka_python_arguments
from streams.kafka.reaching import denied, reach
from streams.kafka.topics import TOPICS, Topic, topic_name
from streams.settings import Settings

__all__ = [
    "EMBEDDED_CLUSTER",
    "UNTIL_REACHED_MS",
    "Admin",
    "BrokerFeatures",
    "Change",
    "Drift",
    "NotSupported",
    "apply",
    "broker_features",
    "check",
    "committed_offsets",
    "partition_counts",
    "purge",
    "refuse_drift",
]

Place = tuple[str, int]
EMBEDDED_CLUSTER = "tansu_cluster"
UNTIL_REACHED_MS = 5_000
SEEN_SECONDS = 20.0
LOADING_SECONDS = 10.0
SEEN_PAUSE = 0.05
# Settings under which a larger value keeps records longer; -1 is without end.
_LONGER = {
    "retention.ms",
    "segment.ms",
    "message.timestamp.after.max.ms",
    "max.compaction.lag.ms",
    "delete.retention.ms",
}
_MEANING = {
    "missing": "nothing can be written to it",
    "partitions": "outputs could not keep their source's partition number",
    "cleanup.policy": "records go otherwise than promised",
    "retention.ms": "how long records live",
    "segment.ms": "how long a record can outlive its retention, and how soon purged bytes go",
    "message.timestamp.type": "whose clock decides how old a record is",
    "message.timestamp.after.max.ms": "how far in the future a timestamp may lie, which keeps a segment longer",
    "max.message.bytes": "what is larger is not taken: events become dead letters",
    "min.insync.replicas": "how many replicas hold what was acknowledged",
    "unclean.leader.election.enable": "acknowledged records could be lost",
    "max.compaction.lag.ms": "how long an old version can stay",
    "delete.retention.ms": "how long tombstones stay",
    "retention.bytes": "records would go early, by size",
}


_NO_AUTHORIZER = (
    "this broker has no authorizer, so everybody may do everything: set authorizer.class.name to "
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
)


class NotSupported(ConfigurationError):
    """The broker has no such request."""


class BrokerFeatures(NamedTuple):
    """What the broker can do. The embedded one keeps topics' settings, and acts on none of them."""

    embedded: bool

    @property
    def delete_records(self) -> bool:
        """Whether records can be deleted below an offset."""
        return not self.embedded

    @property
    def create_partitions(self) -> bool:
        """Whether a topic can get more partitions."""
        return not self.embedded

    @property
    def retention(self) -> bool:
        """Whether records go by themselves."""
        return not self.embedded


class Drift(NamedTuple):
    """Something about a topic that is not as the table says. `kind` is a setting's name, `partitions` or `missing`."""

    topic: str
    kind: str
    expected: str
    actual: str
    keeps_longer: bool

    @property
    def meaning(self) -> str:
        """What follows from it."""
        text = _MEANING.get(self.kind, "")
        return f"keeps records longer than promised: {text}" if self.keeps_longer else text

    def __str__(self) -> str:
        if self.kind == "missing":
            return f"topic {self.topic} is missing"
        return f"topic {self.topic}: {self.kind} is {self.actual}, should be {self.expected}; {self.meaning}"


class Change(NamedTuple):
    """What `apply` did, or would do: `created`, `set` (a setting), `grown` (partitions), or `impossible`."""

    topic: str
    what: str
    detail: str


class Admin:
    """One connection for administration. Raises `BrokerUnavailable` when Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        reach(settings.kafka)
        with self._answers("reach the cluster"):
            self._client: Any = KafkaAdminClient(
                **kafka_python_arguments(settings.kafka), bootstrap_timeout_ms=UNTIL_REACHED_MS
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._client.close()

    @contextmanager
    def _answers(self, what: str) -> Iterator[None]:
        try:
            yield
        except SecurityDisabledError:
            raise NotSupported(_NO_AUTHORIZER) from None
        except (KafkaError, OSError, TimeoutError) as error:
            raise denied(error, self._settings.kafka, what) or BrokerUnavailable(
                f"Kafka at {self._settings.kafka.bootstrap}: could not {what} ({type(error).__name__})"
            ) from None

    def features(self) -> BrokerFeatures:
        """What this broker can do."""
        with self._answers("describe the cluster"):
            cluster = self._client.describe_cluster()
        return BrokerFeatures(embedded=cluster.get("cluster_id") == EMBEDDED_CLUSTER)

    def partition_counts(self) -> dict[str, int]:
        """By full name, the partitions of each topic of the table that is there."""
        names = {self._name(topic) for topic in TOPICS}
        with self._answers("describe topics"):
            there = sorted(names & set(self._client.list_topics()))
            found = self._client.describe_topics(there) if there else []
        return {one["name"]: len(one["partitions"]) for one in found if not one["error_code"]}

    def check(self) -> list[Drift]:
        """Every drift from the table, by topic. On the embedded broker: of what it was told, as it acts on nothing."""
        counts = self.partition_counts()
        configs = self._configs(counts)
        drifts: list[Drift] = []
        for topic in TOPICS:
            name = self._name(topic)
            if name not in counts:
                drifts.append(Drift(name, "missing", "there", "not there", False))
            else:
                drifts += self._drifts(topic, name, counts[name], configs.get(name, {}))
        return drifts

    def _drifts(self, topic: Topic, name: str, count: int, actual: Mapping[str, str]) -> Iterator[Drift]:
        expected_count = topic.partitions(self._settings.topics)
        if count != expected_count:
            yield Drift(name, "partitions", str(expected_count), str(count), False)
        for kind, expected in topic.configs(self._settings.topics).items():
            value = actual.get(kind, "not set")
            if value != expected:
                yield Drift(name, kind, expected, value, keeps_longer(kind, expected, value))

    def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource("TOPIC", name) for name in names]
        if not resources:
            return {}
        with self._answers("read the settings of topics"):
            found = self._client.describe_configs(resources, config_filter="all")["topic"]
        return {name: {key: one["value"] for key, one in configs.items()} for name, configs in found.items()}

    def apply(self, dry_run: bool = False) -> list[Change]:
        """Create what is missing and set what differs; what was done, or with `dry_run` would be. Repeatable.

        Partitions are added and never taken away, which Kafka cannot do.
        """
        drifts = self.check()
        can_grow = self.features().create_partitions
        by_name = {self._name(topic): topic for topic in TOPICS}
        changes = [self._change(drift, by_name[drift.topic], can_grow) for drift in drifts]
        if not dry_run:
            self._create([by_name[drift.topic] for drift in drifts if drift.kind == "missing"])
            self._grow({change.topic: by_name[change.topic] for change in changes if change.what == "grown"})
            self._set([drift for drift in drifts if drift.kind not in ("missing", "partitions")])
        return changes

    def _change(self, drift: Drift, topic: Topic, can_grow: bool) -> Change:
        if drift.kind == "missing":
            partitions = topic.partitions(self._settings.topics)
            return Change(drift.topic, "created", f"{partitions} partitions, {topic.cleanup.value}")
        if drift.kind == "partitions":
            if int(drift.actual) > int(drift.expected):
                return Change(drift.topic, "impossible", f"{drift.actual} partitions cannot become {drift.expected}")
            if not can_grow:
                return Change(drift.topic, "impossible", "the embedded broker cannot add partitions")
            return Change(drift.topic, "grown", f"{drift.actual} to {drift.expected} partitions")
        return Change(drift.topic, "set", f"{drift.kind}: {drift.actual} to {drift.expected}")

    def _create(self, topics: Sequence[Topic]) -> None:
        settings = self._settings.topics
        for topic in topics:
            asked = {
                "num_partitions": topic.partitions(settings),
                "replication_factor": settings.replication,
                "configs": topic.configs(settings),
            }
            # Another `apply` may be quicker: no error, and `check` names what it did otherwise.
            with self._answers(f"create {self._name(topic)}"), suppress(TopicAlreadyExistsError):
                self._client.create_topics({self._name(topic): asked})
        self._until_seen({self._name(topic) for topic in topics})

    def _until_seen(self, names: set[str]) -> None:
        """Wait until brokers tell of topics that were created: the controller knows them first."""
        deadline = monotonic() + SEEN_SECONDS
        while not names <= self.partition_counts().keys():
            if monotonic() > deadline:
                raise BrokerUnavailable(f"topics were created and are not there {SEEN_SECONDS:.0f} s later: try again")
            sleep(SEEN_PAUSE)

    def _grow(self, topics: Mapping[str, Topic]) -> None:
        if topics:
            with self._answers("add partitions"):
                self._client.create_partitions(
                    {name: topic.partitions(self._settings.topics) for name, topic in topics.items()}
                )

    def _set(self, drifts: Sequence[Drift]) -> None:
        wanted: dict[str, dict[str, str]] = {}
        for drift in drifts:
            wanted.setdefault(drift.topic, {})[drift.kind] = drift.expected
        if wanted:
            with self._answers("set the settings of topics"):
                resources = [ConfigResource("TOPIC", name, configs) for name, configs in wanted.items()]
                answers = self._client.alter_configs(resources)["topic"].values()
                # The library tells what was refused, and does not raise it.
                if refused := [answer for answer in answers if answer != "OK"]:
                    raise KafkaError(refused[0])

    def committed(self, topics: Iterable[str]) -> dict[Place, dict[str, int]]:
        """By partition of these topics, the committed offset of every group that has one."""
        wanted = set(topics)
        deadline = monotonic() + LOADING_SECONDS
        with self._answers("read the commits of all groups"):
            while True:
                try:
                    return self._committed(wanted)
                except (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError):
                    if monotonic() > deadline:
                        raise
                    sleep(0.1)  # the broker has just begun to serve the group

    def _committed(self, wanted: set[str]) -> dict[Place, dict[str, int]]:
        found: dict[Place, dict[str, int]] = {}
        groups = [one["group_id"] for one in self._client.list_groups() if one.get("group_type") != "share"]
        for group in groups:
            for part, one in self._client.list_group_offsets({group: None}).get(group, {}).items():
                if part.topic in wanted and one.offset >= 0:
                    found.setdefault((part.topic, part.partition), {})[group] = one.offset
        return found

    def purge(self, before: Mapping[Place, int]) -> None:
        """Delete the records below these offsets. `NotSupported` on the embedded broker."""
        if not self.features().delete_records:
            raise NotSupported("the embedded broker cannot delete records: `intake` keeps them until it ends")
        if before:
            with self._answers("delete records"):
                self._client.delete_records({TopicPartition(*place): offset for place, offset in before.items()})

    def _name(self, topic: Topic) -> str:
        return topic_name(self._settings.topics, topic.name)


def keeps_longer(kind: str, expected: str, actual: str) -> bool:
    """Whether a drift means that records live longer than promised. A value that is not known counts as longer."""
    if kind == "cleanup.policy":
        return "delete" in expected and actual != expected
    if kind == "message.timestamp.type":
        return expected == "LogAppendTime"  # a producer's future timestamp would pin its segment
    if kind not in _LONGER:
        return False
    try:
        wanted, found = int(expected), int(actual)
    except ValueError:
        return True
    return wanted >= 0 and (found < 0 or found > wanted)


def apply(settings: Settings, dry_run: bool = False) -> list[Change]:
    """`Admin.apply`, on a connection of its own."""
    with Admin(settings) as admin:
        return admin.apply(dry_run)


def check(settings: Settings) -> list[Drift]:
    """`Admin.check`, on a connection of its own."""
    with Admin(settings) as admin:
        return admin.check()


def refuse_drift(settings: Settings) -> None:
    """Raise `DriftError` when a topic is missing or would keep records longer than promised. A worker's first act."""
    grave = [drift for drift in check(settings) if drift.keeps_longer or drift.kind == "missing"]
    if grave:
        lines = "\n".join(f"  {drift}" for drift in grave)
        raise DriftError(
            f"{len(grave)} topics or settings are not as promised; streams topics apply mends them:\n{lines}"
        )


def broker_features(settings: Settings) -> BrokerFeatures:
    """`Admin.features`, on a connection of its own."""
    with Admin(settings) as admin:
        return admin.features()


def partition_counts(settings: Settings) -> dict[str, int]:
    """`Admin.partition_counts`, on a connection of its own."""
    with Admin(settings) as admin:
        return admin.partition_counts()


def committed_offsets(settings: Settings, topics: Iterable[str]) -> dict[Place, dict[str, int]]:
    """`Admin.committed`, on a connection of its own."""
    with Admin(settings) as admin:
        return admin.committed(topics)


def purge(settings: Settings, before: Mapping[Place, int]) -> None:
    """`Admin.purge`, on a connection of its own."""
    with Admin(settings) as admin:
        admin.purge(before)
