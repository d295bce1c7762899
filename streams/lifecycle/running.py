"""The janitor of a deployment: its ports on the real vault and the real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from streams.errors import BrokerUnavailable
from streams.kafka.admin import Admin, NotSupported
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.janitor import PURGED, DriftSeen, Janitor, Unable
from streams.lifecycle.keys import KafkaKeyLog, KeyChange
from streams.model import PublicKey
from streams.settings import Settings
from streams.vault.client import ControlClient

__all__ = ["Connected", "open_janitor"]

T = TypeVar("T")
Partition = tuple[str, int]


class Connected:
    """The connections to Kafka, made when they are first needed and anew after a failure.

    So the janitor starts while Kafka is away, goes on ending keys meanwhile, and comes back by itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: Admin | None = None
        self._reader: Reader | None = None
        self._publisher: Publisher | None = None

    def close(self) -> None:
        """Leave the broker."""
        for connection in (self._admin, self._reader, self._publisher):
            if connection is not None:
                connection.close()
        self._admin = self._reader = self._publisher = None

    @property
    def admin(self) -> Admin:
        """For topics, commits and purging."""
        if self._admin is None:
            self._admin = Admin(self._settings)
        return self._admin

    @property
    def reader(self) -> Reader:
        """For reading topics."""
        if self._reader is None:
            self._reader = Reader(self._settings.kafka)
        return self._reader

    @property
    def publisher(self) -> Publisher:
        """For writing records."""
        if self._publisher is None:
            self._publisher = Publisher(self._settings.kafka)
        return self._publisher

    def using(self, work: Callable[[], T]) -> T:
        """Do the work; when Kafka does not answer, let the connections go, so that the next round makes new ones."""
        try:
            return work()
        except BrokerUnavailable:
            self.close()
            raise


class _Keys:
    """`KeyLog` on Kafka."""

    def __init__(self, kafka: Connected, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic

    def read(self) -> Mapping[str, PublicKey | None]:
        return self._kafka.using(lambda: self._log().read())

    def publish(self, changed: Iterable[KeyChange]) -> None:
        self._kafka.using(lambda: self._log().publish(changed))

    def _log(self) -> KafkaKeyLog:
        return KafkaKeyLog(self._kafka.reader, self._kafka.publisher, self._topic)


class _Cluster:
    """`Cluster` on Kafka."""

    def __init__(self, kafka: Connected) -> None:
        self._kafka = kafka

    def committed(self, topics: Sequence[str]) -> Mapping[Partition, Mapping[str, int]]:
        def work() -> Mapping[Partition, Mapping[str, int]]:
            if not self._kafka.admin.features().delete_records:
                raise Unable("the embedded broker cannot delete records: what was sent stays in memory until it ends")
            return self._kafka.admin.committed(topics)

        return self._kafka.using(work)

    def starts(self, topics: Sequence[str]) -> Mapping[Partition, int]:
        bounds = self._kafka.using(lambda: self._kafka.reader.bounds(topics))
        return {place: start for place, (start, _) in bounds.items()}

    def purge(self, before: Mapping[Partition, int]) -> None:
        try:
            self._kafka.using(lambda: self._kafka.admin.purge(before))
        except NotSupported as error:
            raise Unable(str(error)) from None

    def drifts(self) -> Sequence[DriftSeen]:
        found = self._kafka.using(lambda: self._kafka.admin.check())
        return [DriftSeen(drift.topic, drift.kind, str(drift), drift.keeps_longer) for drift in found]


@contextmanager
def open_janitor(settings: Settings) -> Iterator[Janitor]:
    """The janitor of a deployment. Opening it needs neither vault nor Kafka: its rounds do, and tell what failed."""
    kafka = Connected(settings)
    try:
        yield Janitor(
            ControlClient.of(settings),
            _Keys(kafka, topic_name(settings.topics, "keys")),
            _Cluster(kafka),
            [topic_name(settings.topics, short) for short in PURGED] if settings.janitor.purge else [],
            settings.worker.group,
        )
    finally:
        kafka.close()
