"""What the vault does: makes keys when they are due, ends them when their time has come. No HTTP, no clock of its own.

Times are ms. A day key serves the records ingested on its UTC day: made before the day begins, ended 30 days minus a
margin of 4 hours after it began (716 hours by setting). The margin pays for caches, clock skew and the oldest backup.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from streams import metrics
from streams.errors import ConfigurationError
from streams.model import KeyKind, PublicKey, TransitClass
from streams.settings import VaultSettings
from streams.vault.hpke import new_pair
from streams.vault.keyring import day_of
from streams.vault.store import Kept, State, Store, StoredKey

__all__ = ["Answer", "Vault"]

log = logging.getLogger(__name__)
HOUR = 3_600_000
DAY = 24 * HOUR
DIGEST_LIFE = 30 * DAY
READ_WITHIN = 3 * DAY  # a record may wait so long on its topic, and its day must still have a key then
NEGLECTED = HOUR // 12  # the janitor is late by so much: the vault ends its keys by itself
_TRANSIT = "transit-"
_PUBLISHED = {KeyKind.TRANSIT.value, KeyKind.DAY.value}


class Answer(NamedTuple):
    """What the vault says of a key: its state, and its private half with its end if it is live."""

    state: str
    kept: Kept | None


class Vault:
    """Private keys and their lives."""

    def __init__(self, store: Store, settings: VaultSettings, clock: Callable[[], int]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    def rotate(self) -> list[PublicKey]:
        """Make the keys that are due, and return all live public ones. Doing it again makes nothing anew."""
        now = self._clock()
        for transit_class in TransitClass:
            self._rotate_transit(transit_class, now)
        for day in range(now - READ_WITHIN, now + DAY + 1, DAY):
            self._make_day(day - day % DAY, now)
        self.tell()
        live = [key for kind in KeyKind for key in self._store.live(kind.value)]
        return [_public(key) for key in live if key.end > now]

    def end_due(self) -> list[PublicKey]:
        """End every key whose time has come; those that were ended now. The others are tried again next time."""
        ended = self._end(self._store.due(self._clock()) + self._store.ending())
        return [_public(key, ended=True) for key in ended if key.kind in _PUBLISHED]

    def end_neglected(self) -> list[str]:
        """End what should have ended minutes ago, and what was left half done: the ids.

        The janitor asks in time (`end_due`); this keeps the promise when it does not run.
        """
        late = self._store.due(self._clock() - NEGLECTED) + self._store.ending()
        ended = [key.key_id for key in self._end(late)] if late else []
        if ended:
            log.warning("%d keys were overdue and were ended by the vault: is the janitor running?", len(ended))
        return ended

    def end_lost(self, key_ids: Iterable[str]) -> int:
        """Give up keys whose key-encryption keys are gone. How many ended."""
        wanted = set(key_ids)
        return len(self._end([key for key in self._store.live() if key.key_id in wanted]))

    def _end(self, keys: list[StoredKey]) -> list[StoredKey]:
        gone = self._store.end([key.key_id for key in keys], self._clock()) if keys else set()
        ended = [key for key in keys if key.key_id in gone]
        for key in ended:
            metrics.VAULT_ENDED.labels(key.kind).inc()
        self.tell()
        return ended

    def state(self, key_id: str) -> str:
        """One of `State` by this clock: a key that is overdue counts as ended, tomorrow's day key as `not_yet`."""
        key = self._store.find(key_id)
        if key is None:
            return self._store.state(key_id)
        now = self._clock()
        if key.end and key.end <= now:
            return State.ENDED
        return State.NOT_YET if key.seal_from > now else State.LIVE

    def transit(self, key_id: str) -> Answer:
        """A private transit key for a worker. Keys of other kinds are `unknown` here, live or ended, and not read."""
        if not key_id.startswith(_TRANSIT):
            return Answer(State.UNKNOWN, None)
        state = self.state(key_id)
        kept = self._store.private(key_id) if state == State.LIVE else None
        if kept is None:
            return Answer(State.ENDED if state == State.ENDING else state, None)
        return Answer(state, kept) if kept.key.kind == KeyKind.TRANSIT.value else Answer(State.UNKNOWN, None)

    def digest_key(self) -> bytes:
        """The key of this cell for digests of strings that are no ids. It is made anew after 30 days, so that digests
        link nothing for longer than content may be kept."""
        now = self._clock()
        live = [key for key in self._store.live("digest", "ids") if key.end > now]
        if live:
            kept = self._store.private(live[-1].key_id)
            assert kept is not None, "listed as live a moment ago, by the only process that ends keys"
            return kept.private
        key = StoredKey(f"digest-{secrets.token_hex(4)}", "digest", "ids", b"", now, now, now, now + DIGEST_LIFE)
        private = secrets.token_bytes(32)
        self._store.add(key, private)
        return private

    def open_account(self, account: str) -> tuple[str, bytes]:
        """The id and public half of an account's key; made if there is none."""
        live = self._store.live("account", account)
        if live:
            return live[-1].key_id, live[-1].public
        private, public = new_pair()
        now = self._clock()
        key = StoredKey(f"account-{secrets.token_hex(12)}", "account", account, public, now, now, 0, 0)
        self._store.add(key, private)
        self.tell()
        return key.key_id, public

    def close_account(self, account: str) -> list[str]:
        """End all keys of an account now: nothing that is stored of it can be opened any more. The ids that ended.

        A key that something still holds back is fenced off all the same, is not among them, and stands in
        `status()["ending"]` until it is gone.
        """
        left = [key for key in self._store.ending() if (key.kind, key.subject) == ("account", account)]
        return [key.key_id for key in self._end(self._store.live("account", account) + left)]

    def status(self) -> dict[str, Any]:
        """How many keys of which kind, what ends next, what should have ended; no secret."""
        now = self._clock()
        bounded = [key for kind in (*KeyKind, "digest") for key in self._store.live(str(kind))]
        days = sorted(key.subject for key in bounded if key.kind == KeyKind.DAY.value)
        ending = [key.key_id for key in self._store.ending()]
        return {
            "keys": self._store.counts(),
            "oldest_readable_day": days[0] if days else None,
            "next_end": min((key.end for key in bounded if key.end > now), default=None),
            "overdue": len(self._store.due(now)) + len(ending),
            "ending": ending,
        }

    def tell(self) -> None:
        """Set the gauges."""
        now, counts = self._clock(), self._store.counts()
        for kind in ("transit", "day", "account", "digest"):
            metrics.VAULT_KEYS.labels(kind).set(counts.get(kind, 0))
        days = [key.seal_from for key in self._store.live(KeyKind.DAY.value) if key.seal_from <= now]
        metrics.VAULT_OLDEST.set((now - min(days)) / 1000 if days else 0)
        metrics.VAULT_OVERDUE.set(len(self._store.due(now)) + len(self._store.ending()))

    def _rotate_transit(self, transit_class: TransitClass, now: int) -> None:
        rotation = self._settings.transit_rotation_minutes * 60_000
        hours = self._settings.transit_standard_hours
        if transit_class is TransitClass.NO_STORAGE:
            hours = self._settings.transit_no_storage_hours
        life = hours * HOUR
        # A no-storage key is made anew at half its life, so that every record has at least half of it to be read in.
        rotation = min(rotation, life // 2)
        live = self._store.live(KeyKind.TRANSIT.value, transit_class.value)
        if live and now - live[-1].made < rotation and live[-1].end > now:
            return
        private, public = new_pair()
        name = "s" if transit_class is TransitClass.STANDARD else "n"
        key_id = f"{_TRANSIT}{name}-{secrets.token_hex(8)}"
        until = min(now + 2 * rotation, now + life)
        key = StoredKey(key_id, KeyKind.TRANSIT.value, transit_class.value, public, now, now, until, now + life)
        self._store.add(key, private)

    def _make_day(self, start: int, now: int) -> None:
        end = start + self._settings.day_life_hours * HOUR
        day = day_of(start)
        if end <= now or self._store.live(KeyKind.DAY.value, day):
            return
        private, public = new_pair()
        key_id = f"day-{day}-{secrets.token_hex(4)}"
        self._store.add(StoredKey(key_id, KeyKind.DAY.value, day, public, now, start, end, end), private)


def _public(key: StoredKey, ended: bool = False) -> PublicKey:
    if key.kind not in _PUBLISHED:
        raise ConfigurationError(f"key {key.key_id} of kind {key.kind} is not for the topic")
    transit = key.kind == KeyKind.TRANSIT.value
    return PublicKey(
        key_id=key.key_id,
        kind=KeyKind(key.kind),
        public=key.public,
        seal_from=key.seal_from,
        seal_until=key.seal_until,
        end=key.end,
        transit_class=TransitClass(key.subject) if transit else None,
        day=None if transit else key.subject,
        ended=ended,
    )
