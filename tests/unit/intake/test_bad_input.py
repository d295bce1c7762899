"""Each kind of bad input has its disposition, code, counter and destination, and its neighbours go their way."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from streams.codec.records import (
    decode_dead_letter,
    decode_receipt,
    decode_tagged,
    encode_content,
    encode_event,
    encode_sealed_event,
)
from streams.errors import Code
from streams.model import (
    Content,
    Disposition,
    Kind,
    Message,
    Metadata,
    Outcome,
    Record,
    Role,
    Sealed,
    TransitClass,
    TransitSealed,
)
from streams.vault.client import PrivateTransit
from streams.worker.outputs import tell
from tests.unit.intake.rig import DAY, HOUR, INTAKE, NOW, PLAIN, SIGNALS, Rig

D = Disposition


@pytest.fixture
def rig() -> Rig:
    return Rig()


def counted(topic: str, code: Code) -> float:
    return REGISTRY.get_sample_value("streams_rejected_total", {"topic": topic, "code": code.value}) or 0.0


def ended(rig: Rig, bad: Record) -> Outcome[Sealed]:
    """The outcome of one bad record between two good ones, which must not be touched by it."""
    good = rig.json()
    before, outcome, after = rig.run(rig.record(good), bad, rig.record(good))
    assert before.disposition is after.disposition is D.STORED
    receipt = decode_receipt(rig.wave([before, outcome, after])[-1].value)
    assert sum(run.last - run.first + 1 for run in receipt.runs) == 3
    seen = counted(bad.topic, outcome.code) if outcome.code else 0.0
    tell(bad.topic, [outcome], ())
    if outcome.code:
        assert counted(bad.topic, outcome.code) == seen + 1
    return outcome


def header(rig: Rig) -> bytes:
    return rig.sealed()[:10]


META = Metadata("e1", "acme", Kind.PROMPT)
CONTENT = Content((Message(Role.USER, "hello"),))
PLAIN_AVRO = encode_event(META, CONTENT)
BASE = {"event_id": "e1", "account": "acme"}

DEAD: dict[str, tuple[str, Callable[[Rig], bytes | None], Code]] = {
    "no value": (PLAIN, lambda rig: None, Code.EMPTY),
    "an empty value": (INTAKE, lambda rig: b"", Code.EMPTY),
    "not Avro or JSON": (PLAIN, lambda rig: b"\x00\x01nothing of ours", Code.UNKNOWN_FRAMING),
    "an unknown fingerprint": (PLAIN, lambda rig: b"\xc3\x01" + b"\xff" * 8 + b"\x00", Code.UNKNOWN_FINGERPRINT),
    "another record's schema": (PLAIN, lambda rig: encode_content(CONTENT), Code.WRONG_SCHEMA),
    "a sealed event on plain": (PLAIN, lambda rig: rig.sealed(), Code.WRONG_SCHEMA),
    "clear content on intake": (INTAKE, lambda rig: PLAIN_AVRO, Code.CLEAR_ON_SEALED_TOPIC),
    "JSON on intake": (INTAKE, lambda rig: rig.json(), Code.CLEAR_ON_SEALED_TOPIC),
    "an event on signals": (SIGNALS, lambda rig: PLAIN_AVRO, Code.WRONG_SCHEMA),
    "a header that stops": (INTAKE, lambda rig: b"\xc3\x01\x00", Code.TRUNCATED),
    "Avro that stops": (PLAIN, lambda rig: PLAIN_AVRO[:-3], Code.TRUNCATED),
    "bytes behind the record": (PLAIN, lambda rig: PLAIN_AVRO + b"\x00", Code.TRAILING_BYTES),
    "invalid UTF-8 in Avro": (PLAIN, lambda rig: PLAIN_AVRO.replace(b"hello", b"h\xffllo"), Code.INVALID_UTF8),
    "JSON that stops": (PLAIN, lambda rig: b'{"event_id": "e1", "account":', Code.INVALID_JSON),
    "invalid UTF-8 in JSON": (PLAIN, lambda rig: b'{"prompt": "\xff"}', Code.INVALID_UTF8),
    "a lone surrogate": (PLAIN, lambda rig: b'{"account": "a", "prompt": "\\ud800"}', Code.INVALID_JSON),
    "nesting without end": (PLAIN, lambda rig: b'{"a":' * 50_000, Code.INVALID_JSON),
    "no account": (PLAIN, lambda rig: b'{"event_id": "e1", "prompt": "hi"}', Code.MISSING_FIELD),
    "no event id": (PLAIN, lambda rig: b'{"account": "acme", "prompt": "hi"}', Code.MISSING_FIELD),
    "an account that is a number": (PLAIN, lambda rig: rig.json(account=7), Code.WRONG_TYPE),
    "messages that are text": (PLAIN, lambda rig: json.dumps({**BASE, "messages": "hi"}).encode(), Code.WRONG_TYPE),
    "uses that are no list": (PLAIN, lambda rig: rig.json(declared={"uses": "legal"}), Code.WRONG_TYPE),
    "an unknown kind": (PLAIN, lambda rig: rig.json(kind="song"), Code.INVALID_VALUE),
    "an unknown role": (PLAIN, lambda rig: json.dumps({**BASE, "messages": [{"role": "cat", "content": "x"}]}).encode(),
                        Code.INVALID_VALUE),
    "an unknown mode": (PLAIN, lambda rig: rig.json(storage="for ever"), Code.INVALID_VALUE),
    "no text": (PLAIN, lambda rig: json.dumps({**BASE, "messages": []}).encode(), Code.NO_CONTENT),
    "larger than is taken": (PLAIN, lambda rig: rig.json(prompt="x" * (9 << 20)), Code.TOO_LARGE),
    "a key that is unknown": (INTAKE, lambda rig: sealed_to(rig, "transit-nobody"), Code.KEY_UNKNOWN),
    "a seal that does not verify": (INTAKE, lambda rig: rig.sealed()[:-1] + b"\x00", Code.SEAL_BROKEN),
    "one moved from another account": (INTAKE, lambda rig: moved(rig), Code.SEAL_BROKEN),
}  # fmt: skip


def sealed_to(rig: Rig, key_id: str) -> bytes:
    """An event that says to be sealed to another key."""
    return encode_sealed_event(META, TransitSealed(key_id, b"W" * 80, b"N" * 12, b"cipher" * 9))


def moved(rig: Rig) -> bytes:
    """What was sealed for one account, under another account's name."""
    sealed = rig.sealer.seal(META, encode_content(CONTENT), TransitClass.STANDARD)
    return encode_sealed_event(Metadata("e1", "quiet", Kind.PROMPT), sealed)


@pytest.mark.parametrize("name", DEAD)
def test_it_becomes_a_dead_letter_with_its_code_and_without_its_bytes(rig: Rig, name: str) -> None:
    topic, make, code = DEAD[name]
    value = make(rig)
    bad = rig.record(value, topic)
    outcome = ended(rig, bad)
    assert (outcome.disposition, outcome.code) == (D.DEAD_LETTER, code)
    assert outcome.keep is outcome.signal is None  # type: ignore[comparison-overlap]
    (letter,) = [out for out in rig.wave([outcome]) if out.topic == "t.dead-letter"]
    told = decode_dead_letter(letter.value)
    assert (told.source.offset, told.code, told.size) == (bad.offset, code, len(value or b""))
    assert len(letter.value) < 300


def test_content_whose_key_has_ended_is_expired_unread(rig: Rig) -> None:
    value = rig.sealed()
    rig.keys.known["transit-standard"] = PrivateTransit(None, NOW, True)
    outcome = ended(rig, rig.record(value, INTAKE))
    assert (outcome.disposition, outcome.code) == (D.EXPIRED_UNREAD, Code.KEY_ENDED)


def test_a_key_that_ends_while_the_worker_holds_it_opens_nothing_any_more(rig: Rig) -> None:
    value = rig.sealed()
    assert ended(rig, rig.record(value, INTAKE)).disposition is D.STORED
    rig.now += 4 * DAY
    rig.keys.known["transit-standard"] = PrivateTransit(None, rig.now, True)
    assert rig.run(rig.record(value, INTAKE))[0].disposition is D.EXPIRED_UNREAD


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"account": "closed"}, Code.ACCOUNT_CLOSED),
        ({"region": "eu"}, Code.REGION_MISMATCH),
        ({"kind": "file"}, Code.KIND_UNSUPPORTED),
        ({"account": "keyless"}, Code.KEY_UNKNOWN),
    ],
)
def test_what_is_understood_and_turned_away_is_refused(rig: Rig, fields: dict[str, str], code: Code) -> None:
    outcome = ended(rig, rig.record(rig.json(**fields)))
    assert (outcome.disposition, outcome.code, outcome.keep) == (D.REFUSED, code, None)


def test_content_of_a_no_storage_account_in_the_clear_is_a_breach_judged_and_not_kept(rig: Rig) -> None:
    for account in ("quiet", "edgy", "nobody-set"):
        outcome = ended(rig, rig.record(rig.json(account=account, prompt="[[synthetic:malware]]")))
        assert (outcome.disposition, outcome.code, outcome.keep) == (D.NOT_STORED, Code.PLAIN_BREACH, None)
        assert outcome.decision is not None
        assert outcome.decision.matched


def test_content_of_a_no_storage_account_that_came_sealed_is_ordinary_and_not_kept(rig: Rig) -> None:
    outcome = ended(rig, rig.record(rig.sealed("quiet"), INTAKE))
    assert (outcome.disposition, outcome.code, outcome.keep) == (D.NOT_STORED, None, None)


def test_strings_that_are_no_ids_are_digested_and_counted(rig: Rig) -> None:
    outcome = ended(rig, rig.record(rig.json(end_user="jo@example.org", conversation="a b", model="m" * 200)))
    assert outcome.signal is not None
    meta = outcome.signal.meta
    assert meta.digested == 3
    for value in (meta.end_user, meta.conversation, meta.model):
        assert value is not None
        assert value.startswith("d.")
        assert len(value) == 34
    again = rig.run(rig.record(rig.json(end_user="jo@example.org")))[0]
    assert again.signal is not None
    assert again.signal.meta.end_user == meta.end_user, "the same string has the same digest"


@pytest.mark.parametrize(
    "text",
    [
        "word " * 1_000_000,
        "x" * 100_000,
        "\x00" * 10 + "hello",
        "\u202e\u200b\ufeff" * 50,
        "[[synthetic:malware]]" + " " * 100_000,
        "\U0010ffff\ud7ff\ue000",
    ],
    ids=["5 MB", "a 100,000-character word", "NUL", "invisible", "spaces", "rare"],
)
def test_odd_texts_are_taken_judged_and_stored(rig: Rig, text: str) -> None:
    outcome = ended(rig, rig.record(rig.json(prompt=text)))
    assert outcome.disposition is D.STORED
    assert outcome.signal is not None
    assert outcome.signal.shape.characters == len(text)
    assert bool(outcome.decision and outcome.decision.matched) is ("synthetic" in text)


@pytest.mark.parametrize(("hours", "direction"), [(24 * 365, "future"), (-80, "past")])
def test_odd_clocks_are_counted_and_change_nothing_else(rig: Rig, hours: int, direction: str) -> None:
    before = REGISTRY.get_sample_value("streams_odd_clocks_total", {"direction": direction}) or 0.0
    outcome = rig.run(rig.record(rig.json(), at=NOW + hours * HOUR))[0]
    assert outcome.decision is not None
    assert REGISTRY.get_sample_value("streams_odd_clocks_total", {"direction": direction}) == before + 1


def test_content_so_old_that_its_days_key_is_gone_is_judged_and_not_kept(rig: Rig) -> None:
    outcome = rig.run(rig.record(rig.json(prompt="[[synthetic:malware]]"), at=NOW - 40 * DAY))[0]
    assert (outcome.disposition, outcome.code, outcome.keep) == (D.REFUSED, Code.DAY_KEY_ENDED, None)
    assert "t.violations.malware" in {out.topic for out in rig.wave([outcome])}


def test_a_producers_clock_is_reported_and_decides_nothing(rig: Rig) -> None:
    for occurred in (-1, 0, 2**63 - 1, -(2**63)):
        outcome = ended(rig, rig.record(rig.json(occurred_at=occurred)))
        assert outcome.disposition is D.STORED


def test_an_event_id_that_comes_again_is_an_event_of_its_own_recognised_by_its_source(rig: Rig) -> None:
    one, two = rig.run(rig.record(rig.json()), rig.record(rig.json()))
    assert one.signal is not None
    assert two.signal is not None
    assert one.signal.meta == two.signal.meta
    assert one.source.offset != two.source.offset
    tagged = [decode_tagged(out.value) for out in rig.wave([one, two]) if out.topic == "t.tagged"]
    assert [outcome.source.offset for outcome in tagged] == [one.source.offset, two.source.offset]


def test_a_record_that_breaks_the_pass_is_found_by_halving_and_its_neighbours_go_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect = type(rig.passing.rules.detectors).detect

    def fragile(self: object, contents: list[Content]) -> object:
        if any("magic word" in message.text for content in contents for message in content.messages):
            raise ValueError("a defect that quotes: magic word")
        return detect(self, contents)  # type: ignore[arg-type]

    monkeypatch.setattr(type(rig.passing.rules.detectors), "detect", fragile)
    records = [rig.record(rig.json(prompt="the magic word" if i == 5 else "hello")) for i in range(9)]
    outcomes = rig.run(*records)
    assert [outcome.code for outcome in outcomes] == [None] * 5 + [Code.PROCESS_FAILED] + [None] * 3
    assert [outcome.source.offset for outcome in outcomes] == [record.offset for record in records]
