"""Sealing for storage: two halves, and only both private keys together open."""

from __future__ import annotations

import pytest
from msgspec import structs

from streams.codec.records import decode_evidence, storage_aad
from streams.errors import Code
from streams.model import Accounts, Disposition, Evidence, Outcome, Sealed
from streams.vault.hpke import SealBroken, new_pair
from streams.vault.keyring import PublicKeys
from streams.vault.opening import open_sealed
from streams.vault.sealing import PURPOSE, StorageSealer
from tests.unit.vault.cases import CONTENT, DAY, HOUR, MINUTE, NOON, Clock, account, day_key, kept, transit_key


class Writer:
    """A writer with two accounts and a day's key; the private halves stand beside it, as in the vault."""

    def __init__(self) -> None:
        self.account_private, acme = account()
        _, self.other = account("umbrella")
        self.accounts = Accounts({"acme": acme, "umbrella": self.other})
        self.day_private, self.day = day_key()
        self.keys = PublicKeys()
        self.keys.put(self.day)
        self.clock = Clock()
        self.sealer = StorageSealer("us")

    def seal(self, *outcomes: Outcome[Evidence]) -> list[Outcome[Sealed]]:
        return self.sealer.seal(outcomes, self.accounts, self.keys, self.clock.now)

    def one(self) -> Outcome[Sealed]:
        [outcome] = self.seal(kept())
        return outcome


@pytest.fixture
def writer() -> Writer:
    return Writer()


def aad_of(outcome: Outcome[Sealed], region: str = "us", purpose: str = PURPOSE) -> bytes:
    assert outcome.keep is not None
    assert outcome.signal is not None
    sealed = outcome.keep
    return storage_aad(outcome.source, outcome.signal.meta, region, purpose, sealed.account_key, sealed.day_key)


def opened(writer: Writer, outcome: Outcome[Sealed]) -> Evidence:
    assert outcome.keep is not None
    raw = open_sealed(writer.account_private, writer.day_private, outcome.keep, aad_of(outcome))
    return decode_evidence(raw)


def test_both_private_halves_open_what_was_sealed(writer: Writer) -> None:
    outcome = writer.one()
    assert outcome.keep is not None
    assert b"magnets" not in outcome.keep.ciphertext
    assert opened(writer, outcome).content == CONTENT
    assert [finding.clue for finding in opened(writer, outcome).findings] == ["some.clue"]


def test_neither_half_alone_opens_anything(writer: Writer) -> None:
    """Each of the two private keys in both places, and a stranger's in either: nothing opens."""
    outcome = writer.one()
    assert outcome.keep is not None
    stranger, _ = new_pair()
    mine, days = writer.account_private, writer.day_private
    for pair in ((mine, mine), (days, days), (days, mine), (mine, stranger), (stranger, days)):
        with pytest.raises(SealBroken):
            open_sealed(*pair, outcome.keep, aad_of(outcome))


def test_a_worker_cannot_open_what_it_wrote(writer: Writer) -> None:
    """Every key that a worker holds, in both places: public halves, transit private keys, the wrapped halves."""
    outcome = writer.one()
    assert outcome.keep is not None
    transit_private, transit = transit_key()
    held = [transit_private, transit.public, writer.day.public, *(a.public_key for a in writer.accounts.values())]
    held += [outcome.keep.account_half[:32], outcome.keep.day_half[:32], outcome.keep.account_half[-32:]]
    for first in held:
        for second in held:
            assert first is not None
            assert second is not None
            with pytest.raises(SealBroken):
                open_sealed(first, second, outcome.keep, aad_of(outcome))
    assert opened(writer, outcome).content == CONTENT  # and so the test is not vacuous


@pytest.mark.parametrize("moved", ["offset", "partition", "topic", "cell", "ingested_at"])
def test_evidence_moved_to_another_source_does_not_verify(writer: Writer, moved: str) -> None:
    outcome = writer.one()
    place = structs.replace(outcome.source, **{moved: "x" if moved in ("topic", "cell") else 7})
    with pytest.raises(SealBroken):
        opened(writer, structs.replace(outcome, source=place))


@pytest.mark.parametrize("moved", ["account", "event_id"])
def test_evidence_moved_to_another_account_or_event_does_not_verify(writer: Writer, moved: str) -> None:
    outcome = writer.one()
    assert outcome.signal is not None
    other = structs.replace(outcome.signal, meta=structs.replace(outcome.signal.meta, **{moved: "umbrella"}))
    with pytest.raises(SealBroken):
        opened(writer, structs.replace(outcome, signal=other))


@pytest.mark.parametrize("change", [{"region": "eu"}, {"purpose": "training"}])
def test_evidence_used_in_another_region_or_for_another_purpose_does_not_verify(
    writer: Writer, change: dict[str, str]
) -> None:
    outcome = writer.one()
    assert outcome.keep is not None
    with pytest.raises(SealBroken):
        open_sealed(writer.account_private, writer.day_private, outcome.keep, aad_of(outcome, **change))


def test_relabelled_keys_do_not_verify(writer: Writer) -> None:
    outcome = writer.one()
    assert outcome.keep is not None
    for field in ("account_key", "day_key"):
        sealed = structs.replace(outcome.keep, **{field: "other"})
        with pytest.raises(SealBroken):
            open_sealed(writer.account_private, writer.day_private, sealed, aad_of(outcome))


def test_halves_are_wrapped_once_in_five_minutes_for_an_account_and_a_day(writer: Writer) -> None:
    writer.seal(*(kept(offset=offset) for offset in range(100)))
    writer.seal(kept("umbrella", 100))
    assert writer.sealer.wraps == 4
    writer.clock.now = NOON + 5 * MINUTE
    writer.seal(kept(offset=101))
    assert writer.sealer.wraps == 6


def test_no_content_key_serves_too_often(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.vault.sealing.KEY_USES", 10)
    outcomes = writer.seal(*(kept(offset=offset) for offset in range(25)))
    halves = [outcome.keep.day_half for outcome in outcomes if outcome.keep]
    assert [halves.count(one) for one in dict.fromkeys(halves)] == [10, 10, 5]


def test_no_two_contents_share_a_nonce(writer: Writer) -> None:
    outcomes = writer.seal(*(kept(offset=offset) for offset in range(200)))
    assert len({outcome.keep.nonce for outcome in outcomes if outcome.keep}) == 200


def test_content_keys_leave_the_memory_when_their_time_is_over(writer: Writer) -> None:
    writer.seal(kept(), kept("umbrella", 1))
    assert "2 keys" in repr(writer.sealer)
    writer.sealer.expire(NOON + 5 * MINUTE - 1)
    assert "2 keys" in repr(writer.sealer)
    writer.sealer.expire(NOON + 5 * MINUTE)
    assert ", 0 keys" in repr(writer.sealer)


def test_content_keys_are_bounded_in_number() -> None:
    writer = Writer()
    writer.sealer = StorageSealer("us", capacity=1)
    for offset in range(6):
        outcomes = writer.seal(kept("acme" if offset % 2 else "umbrella", offset))
        assert outcomes[0].disposition is Disposition.STORED
    assert "1 keys" in repr(writer.sealer)


def test_without_the_days_key_nothing_is_kept_and_the_signal_stays(writer: Writer) -> None:
    late = kept(ingested_at=NOON - 3 * DAY)
    [refused] = writer.seal(late)
    assert (refused.disposition, refused.code, refused.keep) == (Disposition.REFUSED, Code.DAY_KEY_ENDED, None)
    assert refused.signal == late.signal


def test_after_the_days_end_nothing_is_sealed_to_it(writer: Writer) -> None:
    writer.clock.now = writer.day.end - 1
    assert writer.one().disposition is Disposition.STORED
    writer.clock.now = writer.day.end  # the content key of a moment ago is no way around it
    assert writer.one().code is Code.DAY_KEY_ENDED


@pytest.mark.parametrize("public", [None, bytes(32)], ids=["none", "of small order"])
def test_an_account_without_a_usable_key_is_refused_and_stops_nobody(writer: Writer, public: bytes | None) -> None:
    writer.accounts.put(structs.replace(writer.other, version=2, public_key=public))
    outcomes = writer.seal(kept(), kept("umbrella", 1), kept("nobody", 2), kept(offset=3))
    assert [outcome.code for outcome in outcomes] == [None, Code.KEY_UNKNOWN, Code.KEY_UNKNOWN, None]
    assert [outcome.keep is None for outcome in outcomes] == [False, True, True, False]


def test_what_is_not_kept_passes_through(writer: Writer) -> None:
    bare = structs.replace(kept(), keep=None, disposition=Disposition.NOT_STORED)
    [outcome] = writer.seal(bare)
    assert (outcome.disposition, outcome.signal, outcome.keep) == (Disposition.NOT_STORED, bare.signal, None)
    assert writer.sealer.wraps == 0


def test_a_batch_over_midnight_uses_both_days(writer: Writer) -> None:
    _, tomorrow = day_key("2023-11-15", NOON + 12 * HOUR)
    writer.keys.put(tomorrow)
    writer.clock.now = NOON + 13 * HOUR
    outcomes = writer.seal(kept(), kept(offset=1, ingested_at=NOON + 12 * HOUR))
    assert [outcome.keep.day_key for outcome in outcomes if outcome.keep] == [writer.day.key_id, tomorrow.key_id]
