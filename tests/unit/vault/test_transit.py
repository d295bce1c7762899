"""Seals on the way from SDK to worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from streams.errors import Code, VaultUnavailable
from streams.model import SealedEvent, TransitClass, TransitSealed
from streams.vault.keyring import PublicKeys
from streams.vault.transit import TransitOpener, TransitSealer
from tests.unit.vault.cases import DAY, HOUR, MINUTE, NOON, PLAIN, Clock, meta, source, transit_key

STANDARD = TransitClass.STANDARD


class Way:
    """A sealer, an opener that has the private key, and a clock."""

    def __init__(self) -> None:
        self.private, self.key = transit_key()
        self.keys, self.clock = PublicKeys(), Clock()
        self.keys.put(self.key)
        self.sealer = TransitSealer(self.keys, self.clock)
        self.opener = TransitOpener()
        self.opener.put(self.key.key_id, self.private, self.key.end)

    def seal(self, event_id: str = "e1") -> SealedEvent:
        data = meta(event_id=event_id)
        return SealedEvent(source(), data, self.sealer.seal(data, PLAIN, STANDARD))

    def open(self, *events: SealedEvent) -> list[bytes | Code]:
        return self.opener.open(events)


@pytest.fixture
def way() -> Way:
    return Way()


def test_what_the_sdk_seals_the_worker_opens(way: Way) -> None:
    events = [way.seal(f"e{number}") for number in range(50)]
    assert way.open(*events) == [PLAIN] * 50
    assert all(b"magnets" not in event.sealed.ciphertext for event in events)
    assert len({event.sealed.nonce for event in events}) == 50


def test_one_wrap_and_one_unwrap_serve_five_minutes(way: Way) -> None:
    for minute in range(5):
        way.clock.now = NOON + minute * MINUTE
        assert way.open(way.seal()) == [PLAIN]
    assert (way.sealer.wraps, way.opener.unwraps) == (1, 1)
    way.clock.now = NOON + 5 * MINUTE
    assert way.open(way.seal()) == [PLAIN]
    assert (way.sealer.wraps, way.opener.unwraps) == (2, 2)


def test_a_clock_that_is_set_back_makes_a_new_content_key(way: Way) -> None:
    way.seal()
    way.clock.now = NOON + MINUTE
    way.seal()
    way.keys.put(transit_key("transit-s-0", NOON - HOUR)[1])
    way.clock.now = NOON - MINUTE
    way.seal()
    assert way.sealer.wraps == 2


def test_each_class_has_its_own_content_key(way: Way) -> None:
    way.keys.put(transit_key("transit-n-1", transit_class=TransitClass.NO_STORAGE)[1])
    way.seal()
    assert way.sealer.seal(meta(), PLAIN, TransitClass.NO_STORAGE).key == "transit-n-1"
    assert way.seal().sealed.key == "transit-s-1"
    assert way.sealer.wraps == 2


def test_no_content_key_serves_too_often(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.vault.transit.KEY_USES", 10)
    wrapped = [way.seal().sealed.wrapped for _ in range(25)]
    assert [wrapped.count(one) for one in dict.fromkeys(wrapped)] == [10, 10, 5]


def test_without_a_key_in_force_nothing_is_sealed(way: Way) -> None:
    way.clock.now = way.key.seal_until
    with pytest.raises(VaultUnavailable, match="no transit key of class standard"):
        way.seal()


def test_a_key_that_ended_is_not_used_again(way: Way) -> None:
    way.seal()
    way.keys.put(structs.replace(way.key, ended=True))
    with pytest.raises(VaultUnavailable):
        way.seal()


def test_a_published_key_that_is_no_key_is_named(way: Way) -> None:
    way.keys.put(structs.replace(transit_key("transit-s-9", NOON + 1)[1], public=bytes(32)))
    way.clock.now = NOON + 2
    with pytest.raises(VaultUnavailable, match="transit-s-9"):
        way.seal()


@pytest.mark.parametrize("moved", ["account", "event_id", "kind", "region", "conversation"])
def test_a_record_moved_elsewhere_does_not_verify(way: Way, moved: str) -> None:
    event = way.seal()
    other = structs.replace(event.meta, **{moved: event.meta.kind.COMPLETION if moved == "kind" else "other"})
    assert way.open(SealedEvent(event.source, other, event.sealed), event) == [Code.SEAL_BROKEN, PLAIN]


@pytest.mark.parametrize("part", ["wrapped", "nonce", "ciphertext"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_damage_anywhere_is_a_broken_seal(way: Way, part: str, damage: str) -> None:
    event = way.seal()
    raw: bytes = getattr(event.sealed, part)
    changed = {"flip": bytes([raw[0] ^ 1]) + raw[1:], "cut": raw[:-1], "empty": b"", "other": bytes(len(raw))}[damage]
    sealed = structs.replace(event.sealed, **{part: changed})
    assert way.open(SealedEvent(event.source, event.meta, sealed)) == [Code.SEAL_BROKEN]


def test_a_key_of_another_length_inside_the_wrap_is_a_broken_seal(way: Way) -> None:
    from streams.vault.hpke import wrap
    from streams.vault.transit import _INFO

    wrapped = wrap(b"k" * 16, way.key.public, _INFO + way.key.key_id.encode())
    sealed = TransitSealed(way.key.key_id, wrapped, bytes(12), bytes(40))
    assert way.open(SealedEvent(source(), meta(), sealed)) == [Code.SEAL_BROKEN]


def test_a_key_that_was_not_put_is_missing_and_unknown(way: Way) -> None:
    event = way.seal()
    stranger = SealedEvent(source(), meta(), structs.replace(event.sealed, key="transit-s-404"))
    assert way.opener.missing([event, stranger], way.clock.now) == {"transit-s-404"}
    assert way.open(stranger, event) == [Code.KEY_UNKNOWN, PLAIN]


def test_the_worker_drops_a_private_key_at_its_end(way: Way) -> None:
    event = way.seal()
    way.clock.now = way.key.end - 1
    assert way.open(event) == [PLAIN]
    assert way.opener.missing([event], way.key.end - 1) == set()
    assert way.opener.missing([event], way.key.end) == {way.key.key_id}, "whether it ended is the vault's to say"
    assert way.open(event) == [Code.KEY_UNKNOWN]
    way.opener.ended(way.key.key_id)
    assert way.opener.missing([event], NOON) == set(), "a clock that is set back brings nothing back"
    assert way.open(event) == [Code.KEY_ENDED]


def test_an_idle_worker_drops_keys_when_it_is_told_the_time(way: Way) -> None:
    way.open(way.seal())
    way.opener.expire(way.key.end)
    assert "0 content keys" in repr(way.opener)
    assert way.private not in [held.private for held in way.opener._private.values()]


def test_content_keys_are_bounded(way: Way) -> None:
    opener = TransitOpener(capacity=4)
    opener.put(way.key.key_id, way.private, way.key.end)
    events = []
    for minute in range(0, 60, 6):
        way.clock.now = NOON + minute * MINUTE
        events.append(way.seal())
    assert opener.open(events) == [PLAIN] * 10
    assert "4 content keys" in repr(opener)
    assert opener.open(events) == [PLAIN] * 10


def test_life_left_is_the_least_share_since_it_was_last_asked(way: Way) -> None:
    event = way.seal()
    assert way.opener.life_left(way.keys, NOON) == {}
    way.clock.now = NOON + DAY
    way.open(event)
    assert way.opener.life_left(way.keys, way.clock.now) == {STANDARD: pytest.approx(2 / 3)}
    assert way.opener.life_left(way.keys, way.clock.now) == {}


def test_reprs_hold_no_key(way: Way) -> None:
    event = way.seal()
    way.open(event)
    shown = repr((way.sealer, way.opener, list(way.opener._private.values())))
    assert repr(way.private)[2:-1] not in shown
    assert "**********" in shown


def test_many_threads_with_a_sealer_each_share_one_keyring(way: Way) -> None:
    def seal(number: int) -> SealedEvent:
        data = meta(event_id=f"e{number}")
        return SealedEvent(source(), data, TransitSealer(way.keys, way.clock).seal(data, PLAIN, STANDARD))

    with ThreadPoolExecutor(4) as threads:
        events = list(threads.map(seal, range(40)))
    assert way.open(*events) == [PLAIN] * 40
