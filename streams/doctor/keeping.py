"""The vault and its keys: whether it answers, belongs to this cell, ends keys in time, and applications can seal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.codec.records import decode_key
from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.errors import AccessDenied, RecordError
from streams.kafka.reading import Reader
from streams.kafka.topics import topic_name
from streams.model import KeyKind, PublicKey, TransitClass
from streams.settings import Settings
from streams.vault.client import ControlClient, VaultClient
from streams.vault.keyring import PublicKeys, day_of
from streams.vault.server import sockets
from streams.vault.store import State

__all__ = ["check_cell", "check_keys", "check_vault", "judge_keys", "judge_status", "published"]

SERVE = "streams vault serve; on a machine without one: --without vault"
ROTATED = "the janitor publishes them: is it running? streams janitor --once"
KEPT_DAYS = 30
DAY = 24 * 3_600_000
SOON = 5 * 60_000  # a key that may be sealed to for less long, and has no successor


def check_vault(settings: Settings) -> list[Remark]:
    """Both sockets, and what should have ended. A role may have one of them alone, but not neither."""
    if settings.vault.url is not None:
        return _check_over_network(settings, settings.vault.url)
    worker, control = sockets(settings.vault)
    if not worker.exists() and not control.exists():
        return [wrong("no vault's socket is here", str(control), SERVE)]
    remarks = []
    if control.exists():
        remarks += judge_status(ControlClient.of(settings).status(), str(control))
    else:
        remarks.append(not_checked("no such socket on this machine: keys that are overdue are not seen", str(control)))
    if worker.exists():
        asyncio.run(_ask_for_a_worker(settings))
        remarks.append(ok("answers workers", str(worker)))
    else:
        remarks.append(not_checked("no such socket on this machine", str(worker)))
    return remarks


def _check_over_network(settings: Settings, url: str) -> list[Remark]:
    """What this process's certificate lets it ask: a role is a worker's or a controller's, never both."""
    try:
        return judge_status(ControlClient.of(settings).status(), url)
    except AccessDenied:
        asyncio.run(_ask_for_a_worker(settings))
        unseen = not_checked("this certificate is a worker's: keys that are overdue are not seen", url)
        return [ok("answers workers", url), unseen]


async def _ask_for_a_worker(settings: Settings) -> None:
    await VaultClient.of(settings).digest_key()


def judge_status(status: Mapping[str, Any], where: str) -> list[Remark]:
    """Nothing may be overdue, and no day be readable that is over."""
    remarks = []
    if status["overdue"]:
        told = f"{status['overdue']} keys are past their end and still exist"
        remarks.append(wrong(told, where, "the promise about retention: see the janitor's and the vault's logs, now"))
    oldest = status["oldest_readable_day"]
    border = (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).date().isoformat()
    if oldest is not None and oldest < border:
        remarks.append(wrong(f"the day {oldest} can still be opened", where, "see the janitor's and the vault's logs"))
    kinds = ", ".join(f"{number} {kind}" for kind, number in status["keys"].items())
    if not kinds:
        remarks.append(warning("holds no key yet", where, ROTATED))
    return remarks or [ok(f"answers; {kinds} keys; nothing overdue", where)]


def published(settings: Settings) -> dict[str, PublicKey | None]:
    """The newest record of each key on `keys`; None where it cannot be read."""
    newest: dict[str, PublicKey | None] = {}
    with Reader(settings.kafka) as reader:
        for record in reader.read([topic_name(settings.topics, "keys")]):
            key_id = (record.key or b"").decode("utf-8", "replace")
            if record.value is None:
                newest.pop(key_id, None)
                continue
            try:
                newest[key_id] = decode_key(record.value)
            except RecordError:
                newest[key_id] = None
    return newest


def check_keys(settings: Settings) -> list[Remark]:
    """Whether applications can seal now, and workers store today and tomorrow."""
    return judge_keys(published(settings), time.time_ns() // 1_000_000, topic_name(settings.topics, "keys"))


def judge_keys(keys: Mapping[str, PublicKey | None], now: int, where: str) -> list[Remark]:
    """The same for keys by id at a time (ms)."""
    ring = PublicKeys()
    for key in filter(None, keys.values()):
        ring.put(key)
    remarks = [_transit(ring, transit_class, now, where) for transit_class in TransitClass]
    remarks += list(_days(keys.values(), now, where))
    unreadable = sum(key is None for key in keys.values())
    if unreadable:
        remarks.append(warning(f"{unreadable} key records cannot be read", where, "who writes to it? See its ACLs"))
    return remarks


def _transit(ring: PublicKeys, transit_class: TransitClass, now: int, where: str) -> Remark:
    key, name = ring.transit(transit_class, now), transit_class.value
    if key is None:
        return wrong(f"no transit key of class {name} is in force: applications cannot seal", where, ROTATED)
    if key.seal_from > now:
        return wrong(f"transit key {key.key_id} was made in the future", where, "set clocks by one time server")
    left = (min(key.seal_until, key.end) - now) / 60_000
    told = f"class {name}: {key.key_id} is {(now - key.seal_from) / 60_000:.0f} min old, {left:.0f} min left to seal"
    return warning(told, where, ROTATED) if left * 60_000 < SOON else ok(told, where)


def _days(keys: Iterable[PublicKey | None], now: int, where: str) -> Iterable[Remark]:
    days = {key.day for key in keys if key is not None and key.kind is KeyKind.DAY and not key.ended}
    if day_of(now) not in days:
        yield wrong(f"no day key of {day_of(now)}: nothing can be stored", where, ROTATED)
    elif day_of(now + DAY) not in days:
        yield warning(f"no day key of tomorrow, {day_of(now + DAY)}, yet", where, ROTATED)
    else:
        yield ok("day keys of today and tomorrow are published", where)


def check_cell(settings: Settings) -> list[Remark]:
    """Whether the vault here holds the keys that are published there: else they belong to different cells."""
    _, control = sockets(settings.vault)
    if not control.exists():
        return [not_checked("the control socket is not on this machine", str(control))]
    vault, now = ControlClient.of(settings), time.time_ns() // 1_000_000
    live = [key for key in published(settings).values() if key is not None and not key.ended and key.end > now]
    unknown = [key.key_id for key in live if vault.state(key.key_id) == State.UNKNOWN]
    return [_one_cell(live, unknown, str(control))]


def _one_cell(live: Collection[PublicKey], unknown: Collection[str], where: str) -> Remark:
    if unknown:
        told = f"{len(unknown)} of {len(live)} published keys are not this vault's"
        remedy = "is it another cell's vault or Kafka, or was the vault replaced? See vault.directory, topics.prefix"
        return wrong(told, where, remedy)
    if not live:
        return not_checked("no live key is published", where)
    return ok(f"the vault holds all {len(live)} keys that are published", where)
