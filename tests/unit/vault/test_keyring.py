"""Which public key is used when."""

from __future__ import annotations

import pytest
from msgspec import structs

from streams.model import TransitClass
from streams.vault.keyring import PublicKeys, day_of
from tests.unit.vault.cases import DAY, HOUR, NOON, day_key, transit_key


@pytest.fixture
def keys() -> PublicKeys:
    return PublicKeys()


def test_the_newest_transit_key_in_force_is_used(keys: PublicKeys) -> None:
    for key_id, start in (("transit-s-1", NOON), ("transit-s-3", NOON + 3 * HOUR), ("transit-s-2", NOON + HOUR)):
        keys.put(transit_key(key_id, start)[1])

    def used(at: int) -> str | None:
        key = keys.transit(TransitClass.STANDARD, at)
        return key.key_id if key else None

    assert used(NOON - 1) is None
    assert used(NOON) == "transit-s-1"
    assert used(NOON + HOUR) == "transit-s-2"
    assert used(NOON + 3 * HOUR) == "transit-s-3"
    assert used(NOON + 5 * HOUR) is None
    assert keys.transit(TransitClass.NO_STORAGE, NOON) is None


def test_the_day_of_ingestion_chooses_the_day_key(keys: PublicKeys) -> None:
    today, yesterday = day_key()[1], day_key("2023-11-13", NOON - 36 * HOUR)[1]
    keys.put(today)
    keys.put(yesterday)
    midnight = NOON - 12 * HOUR
    assert keys.day(midnight, NOON) == today
    assert keys.day(midnight - 1, NOON) == yesterday
    assert keys.day(midnight - 1, NOON + 3 * DAY) == yesterday  # read three days late
    assert keys.day(midnight - DAY - 1, NOON) is None
    assert keys.day(midnight - 1, yesterday.end) is None


def test_a_record_from_the_future_is_sealed_to_today(keys: PublicKeys) -> None:
    today, tomorrow = day_key()[1], day_key("2023-11-15", NOON + 12 * HOUR)[1]
    keys.put(today)
    keys.put(tomorrow)
    assert keys.day(NOON + 3 * DAY, NOON) == today
    assert keys.day(2**62, NOON) == today


def test_ended_and_dropped_keys_leave(keys: PublicKeys) -> None:
    one, two = transit_key()[1], transit_key("transit-s-2")[1]
    keys.put(one)
    keys.put(two)
    keys.put(structs.replace(one, ended=True))
    assert (len(keys), keys.get(one.key_id)) == (1, None)
    keys.drop(two.key_id)
    assert len(keys) == 0


def test_no_topic_can_make_it_grow_without_bound() -> None:
    keys = PublicKeys(capacity=3)
    for hour in (5, 1, 4, 2, 3):
        keys.put(transit_key(f"transit-s-{hour}", NOON + hour * HOUR)[1])
    assert len(keys) == 3
    assert [hour for hour in range(6) if keys.get(f"transit-s-{hour}")] == [3, 4, 5]


@pytest.mark.parametrize(("at", "day"), [(-(2**62), "0001-01-01"), (0, "1970-01-01"), (2**62, "9999-12-31")])
def test_every_time_has_a_day(at: int, day: str) -> None:
    assert day_of(at) == day
