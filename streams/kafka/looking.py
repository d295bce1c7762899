"""A look at a cluster without touching it: who answers, who reads in a group, what lies unread at its head."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError

from streams.errors import BrokerUnavailable
from streams.kafka.admin import Admin, BrokerFeatures
from streams.kafka.reading import POLL_MS, Reader, broker_answers, record_of
from streams.model.record import Record

__all__ = ["Cluster", "Group", "HeadReader", "Looker"]

Place = tuple[str, int]


class Cluster(NamedTuple):
    """What answers: brokers as host:port, the controller's id (None when there is none), the version they speak."""

    cluster_id: str
    brokers: tuple[str, ...]
    controller: int | None
    version: tuple[int, ...]
    features: BrokerFeatures


class Group(NamedTuple):
    """A consumer group: its state as Kafka names it, and one `client (host)` for each member."""

    state: str
    members: tuple[str, ...]


class Looker(Admin):
    """What only a look needs of administration."""

    def cluster(self) -> Cluster:
        """Who answers here."""
        with self._answers("describe the cluster"):
            told = self._client.describe_cluster()
            version = self._client.get_broker_version_data(told["brokers"][0]["broker_id"]).broker_version
        controller = told["controller_id"]
        return Cluster(
            cluster_id=told["cluster_id"],
            brokers=tuple(f"{one['host']}:{one['port']}" for one in told["brokers"]),
            controller=None if controller is None or controller < 0 else controller,
            version=tuple(version),
            features=self.features(),
        )

    def group(self, name: str) -> Group | None:
        """A consumer group; None where this broker cannot describe one. One that nobody knows is `Dead`."""
        if self.features().embedded:
            return None
        with self._answers(f"describe group {name}"):
            try:
                told = self._client.describe_groups([name])[name]
            except GroupIdNotFoundError:
                return Group("Dead", ())
            except CoordinatorNotAvailableError:  # nobody has used a group here yet, or offsets have no leader
                return Group("no coordinator", ())
        members = tuple(f"{one['client_id']} ({one['client_host'].strip('/')})" for one in told["members"])
        return Group(told["group_state"], members)


class HeadReader(Reader):
    """Reads the heads of partitions: the first records from given offsets on."""

    def heads(self, offsets: Mapping[Place, int], seconds: float) -> list[Record]:
        """Records from these offsets on until each partition has shown its first; some show more.

        `BrokerUnavailable` names the partitions that showed nothing within `seconds`.
        """
        deadline = monotonic() + seconds
        waiting = {TopicPartition(*place) for place in offsets}
        found: list[Record] = []
        with broker_answers(self._settings):
            self._consumer.assign(list(waiting))
            for place, offset in offsets.items():
                self._consumer.seek(TopicPartition(*place), offset)
        while waiting:
            if monotonic() > deadline:
                late = ", ".join(sorted(f"{part.topic}/{part.partition}" for part in waiting))
                raise BrokerUnavailable(f"{late}: no record within {seconds:.0f} s, though Kafka told of some")
            with broker_answers(self._settings):
                taken = self._consumer.poll(timeout_ms=POLL_MS, max_records=1_000)
            for part, records in taken.items():
                waiting.discard(part)
                found += [record_of(record) for record in records]
            if taken:
                self._consumer.pause(*taken)
        return found
