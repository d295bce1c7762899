"""Which key records have to be published, so that the topic `keys` says what the vault holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from streams.codec.records import decode_key, encode_key
from streams.errors import RecordError
from streams.kafka.reading import Publisher, Reader
from streams.model import PublicKey, replace

__all__ = ["KEEP_ENDED_MS", "KafkaKeyLog", "KeyChange", "KeyLog", "changes"]

KEEP_ENDED_MS = 7 * 24 * 3_600_000  # an ended key stays on the topic so long; then a tombstone takes it off


class KeyChange(NamedTuple):
    """One record for the topic `keys`; `key` None is a tombstone. `orphan` when the vault did not know a live key."""

    key_id: str
    key: PublicKey | None
    orphan: bool = False


class KeyLog(Protocol):
    """The topic `keys`."""

    def read(self) -> Mapping[str, PublicKey | None]:
        """The newest record of every key; None where it cannot be read."""
        ...

    def publish(self, changed: Iterable[KeyChange]) -> None:
        """Write records; returns once all in-sync replicas have them."""
        ...


def changes(
    published: Mapping[str, PublicKey | None],
    live: Iterable[PublicKey] | None,
    ended: Iterable[PublicKey],
    now_ms: int,
    ending: Collection[str] = (),
) -> list[KeyChange]:
    """What must be written so that the topic agrees with the vault. Applied once more, nothing is left to write.

    `live` are all keys that the vault holds, None when it could not say; `ended` those whose private halves it has
    just destroyed; `ending` the ids that it is still destroying, which stay as they are. A key on the topic that the
    vault does not hold is published as ended, also before its end: what would be sealed to it could never be opened.
    """
    gone = {key.key_id: replace(key, ended=True) for key in ended}
    held = {key.key_id: key for key in live or () if key.key_id not in gone}
    wanted = [
        KeyChange(key.key_id, key) for key in (*held.values(), *gone.values()) if published.get(key.key_id) != key
    ]
    for key_id, key in published.items():
        if key_id in held or key_id in gone or key_id in ending:
            continue
        if key is None:
            if live is not None:  # unreadable, and not the vault's: nobody can use it
                wanted.append(KeyChange(key_id, None))
        elif key.ended:
            if key.end + KEEP_ENDED_MS <= now_ms:
                wanted.append(KeyChange(key_id, None))
        elif live is not None:
            wanted.append(KeyChange(key_id, replace(key, ended=True), orphan=key.end > now_ms))
    return wanted


class KafkaKeyLog:
    """The topic `keys` on Kafka, read again from its beginning each time: it is small, and others may write to it."""

    def __init__(self, reader: Reader, publisher: Publisher, topic: str) -> None:
        self._reader = reader
        self._publisher = publisher
        self._topic = topic

    def read(self) -> dict[str, PublicKey | None]:
        """See `KeyLog`."""
        newest: dict[str, PublicKey | None] = {}
        for key_id, value in self._records():
            if value is None:
                newest.pop(key_id, None)
                continue
            try:
                newest[key_id] = decode_key(value)
            except RecordError:
                newest[key_id] = None
        return newest

    def _records(self) -> Iterator[tuple[str, bytes | None]]:
        for record in self._reader.read([self._topic]):
            yield (record.key or b"").decode("utf-8", "replace"), record.value

    def publish(self, changed: Iterable[KeyChange]) -> None:
        """See `KeyLog`."""
        records = [(one.key_id.encode(), None if one.key is None else encode_key(one.key)) for one in changed]
        self._publisher.publish(self._topic, records)
