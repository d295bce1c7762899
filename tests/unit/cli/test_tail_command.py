"""`streams tail`: one line a record, never content, child safety only for those who name it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from streams.cli import cli, tail
from streams.cli.rows import moment, plain
from streams.codec.records import (
    encode_account,
    encode_count,
    encode_dead_letter,
    encode_key,
    encode_ledger,
    encode_receipt,
    encode_skip,
    encode_tagged,
    encode_violation,
    ledger_entry_of,
    violations_of,
)
from streams.kafka import reading
from streams.model import (
    INDEX,
    NO_SCORES,
    Account,
    Action,
    Area,
    Code,
    Count,
    Decision,
    Disposition,
    Facts,
    KeyKind,
    Kind,
    Metadata,
    Outcome,
    PublicKey,
    Receipt,
    Rejected,
    Run,
    Sealed,
    Severity,
    Shape,
    Signal,
    Skip,
    Source,
    Stage,
    StorageMode,
    TransitClass,
    Truth,
    Verdict,
)
from streams.model.record import Record

NOW = 1_700_000_000_000
SOURCE = Source("local", "compliance.intake", 0, 7, NOW)
SECRET = b"CANARY-sealed-bytes-2b9d"


def outcome(area: Area = Area.MALWARE, category: str = "malware", score: int = 90, account: str = "acme") -> Any:
    verdict = Verdict(
        f"p.{category}", Truth.MATCHED, area, category, Stage.ENFORCE, Severity.HIGH, Action.REVIEW, score
    )
    scores = bytearray(NO_SCORES)
    scores[INDEX[category]] = score
    meta = Metadata("e-1", account, Kind.PROMPT, NOW)
    signal = Signal(SOURCE, meta, Facts(1, StorageMode.STANDARD), bytes(scores), (), Shape(10, 1), "d")
    sealed = Sealed("a.acme", "d.1", bytes(32), bytes(32), bytes(12), SECRET)
    return Outcome(SOURCE, Disposition.STORED, signal, Decision("digest", "2023-03-17", (verdict,)), sealed)


def violation(area: Area = Area.MALWARE, category: str = "malware", account: str = "acme") -> Any:
    return violations_of(outcome(area, category, account=account))[0]


class FakeReader:
    """Topics in memory. `follow` ends when all was shown, as if Ctrl-C came."""

    topics_held: dict[str, list[Record]]

    def __init__(self, settings: object) -> None:
        self.closed = False

    def __enter__(self) -> FakeReader:
        return self

    def __exit__(self, *arguments: object) -> None:
        self.closed = True

    def topics(self, pattern: str) -> list[str]:
        import re

        return [name for name in sorted(self.topics_held) if re.fullmatch(pattern, name)]

    def bounds(self, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
        return {(name, 0): (0, len(self.topics_held[name])) for name in topics if name in self.topics_held}

    def read(self, topics: Iterable[str], since: Mapping[tuple[str, int], int] | None = None) -> Iterator[Record]:
        for topic in topics:
            yield from self.topics_held.get(topic, ())

    def follow(self, topics: Iterable[str], since: int | None) -> Iterator[Record | None]:
        yield None
        yield from self.read(topics)
        raise KeyboardInterrupt


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Record]]:
    held: dict[str, list[Record]] = {}
    monkeypatch.setattr(FakeReader, "topics_held", held, raising=False)
    monkeypatch.setattr(reading, "Reader", FakeReader)
    return held


def put(topics: dict[str, list[Record]], short: str, value: bytes | None, key: bytes = b"acme", at: int = NOW) -> None:
    topic = f"compliance.{short}"
    records = topics.setdefault(topic, [])
    records.append(Record(topic, 0, len(records), at, key, value))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["tail", *words, "--stop-at-end", "--from", "beginning"], standalone_mode=False)


def rows(*words: str) -> list[Any]:
    result = run(*words, "--json")
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def put_one_of_each(topics: dict[str, list[Record]]) -> None:
    put(topics, "violations.malware", encode_violation(violation()))
    put(topics, "shadow", encode_violation(structs.replace(violation(), stage=Stage.SHADOW)))
    put(topics, "tagged", encode_tagged(outcome()))
    put(topics, "ledger", encode_ledger(ledger_entry_of(violation())))
    run_ = Run(0, 9, Disposition.STORED)
    put(topics, "receipts", encode_receipt(Receipt("local", "compliance.intake", 0, (run_,), "w", 1, "p", NOW)))
    rejected = Rejected(SOURCE, Code.TRUNCATED, Disposition.DEAD_LETTER, 12, "avro", None, 3)
    ended = Outcome[Sealed](SOURCE, rejected.disposition, code=rejected.code, rejected=rejected)
    put(topics, "dead-letter", encode_dead_letter(ended))
    put(topics, "counts", encode_count(Count("acme", "malware", NOW, 3, SOURCE)))
    put(topics, "accounts", encode_account(Account("acme", 4, mode=StorageMode.EDGE)))
    key = PublicKey("t.1", KeyKind.TRANSIT, bytes(32), NOW, NOW + 1, NOW + 2, TransitClass.STANDARD)
    put(topics, "keys", encode_key(key), key=b"t.1")
    put(topics, "skips", encode_skip(Skip("local", "compliance.intake", 0, 7, "ends workers", "eve", NOW)))


SAID = {
    "violations": "p.malware",
    "shadow": "p.malware",
    "tagged": "24 bytes sealed",
    "ledger": "p.malware",
    "receipts": "0–9 stored",
    "dead-letter": "truncated",
    "counts": "3 in 2023-11-14",
    "accounts": "version 4  open  edge  no key",
    "skips": "compliance.intake/0:7  by eve  ends workers",
    "keys": "t.1  transit  standard  seals until",
}


@pytest.mark.parametrize("kind", tail.KINDS)
def test_each_kind_has_a_line_and_json_without_sealed_bytes(kind: str, topics: dict[str, list[Record]]) -> None:
    put_one_of_each(topics)
    result = run(kind)
    assert result.exception is None, result.exception
    assert len(result.stdout.splitlines()) == 1
    assert SAID[kind] in result.stdout
    assert "\x1b" not in result.stdout
    (row,) = rows(kind)
    assert row["record"]["topic"].startswith(f"compliance.{kind}")
    assert "CANARY" not in result.stdout + json.dumps(row)


def test_tagged_shows_scores_and_decision(topics: dict[str, list[Record]]) -> None:
    put(topics, "tagged", encode_tagged(outcome()))
    (row,) = rows("tagged")
    assert row["scores"] == {"malware": 90}
    assert row["decision"]["matched"][0]["rule"] == "p.malware"
    assert row["sealed"]["ciphertext"] == {"bytes": len(SECRET)}


@pytest.mark.parametrize("kind", ["violations", "shadow", "tagged", "ledger", "counts"])
def test_child_safety_is_shown_to_those_only_who_name_it(kind: str, topics: dict[str, list[Record]]) -> None:
    one = violation(Area.CHILD_SAFETY, "csam")
    put(topics, "violations.child-safety", encode_violation(one))
    put(topics, "shadow", encode_violation(one))
    put(topics, "tagged", encode_tagged(outcome(Area.CHILD_SAFETY, "csam")))
    put(topics, "tagged", encode_tagged(structs.replace(outcome(Area.MALWARE, "csam"))))
    put(topics, "ledger", encode_ledger(ledger_entry_of(one)))
    put(topics, "counts", encode_count(Count("acme", "csam", NOW, 3, SOURCE)))
    put(topics, "violations.malware", encode_violation(violation()))
    shown = rows(kind)
    assert [row for row in shown if "csam" in json.dumps(row)] == []
    named = rows(kind, "--area", "child-safety")
    assert named
    assert all("csam" in json.dumps(row) for row in named)


def test_an_area_or_an_account_that_is_named_is_all_that_is_shown(topics: dict[str, list[Record]]) -> None:
    put(topics, "violations.malware", encode_violation(violation()))
    put(topics, "violations.malware", encode_violation(violation(account="other")))
    put(topics, "violations.privacy", encode_violation(violation(Area.PRIVACY, "biometrics")))
    assert [row["area"] for row in rows("violations")] == ["malware", "malware", "privacy"]
    assert [row["area"] for row in rows("violations", "--area", "privacy")] == ["privacy"]
    assert [row["account"] for row in rows("violations", "--account", "other")] == ["other"]


def test_a_record_that_cannot_be_read_is_a_line_with_its_place(topics: dict[str, list[Record]]) -> None:
    put(topics, "accounts", b"CANARY not a record")
    (row,) = rows("accounts")
    assert (row["record"]["offset"], row["unreadable"]) == (0, "unknown_framing")
    assert "CANARY" not in run("accounts").output


def test_a_tombstone_is_shown_as_taken_off(topics: dict[str, list[Record]]) -> None:
    put(topics, "keys", None, key=b"t.0")
    assert rows("keys")[0]["tombstone"] is True
    assert "taken off: t.0" in run("keys").output


def test_limit_ends_it_and_ctrl_c_too(topics: dict[str, list[Record]]) -> None:
    for _ in range(3):
        put(topics, "violations.malware", encode_violation(violation()))
    assert len(rows("violations", "--limit", "2")) == 2
    watched = CliRunner().invoke(cli, ["tail", "violations", "--json"], standalone_mode=False)
    assert len(watched.stdout.splitlines()) == 3
    assert isinstance(watched.exception, KeyboardInterrupt | click.Abort)


def test_an_age_leaves_out_what_is_older(topics: dict[str, list[Record]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW / 1000)
    put(topics, "violations.malware", encode_violation(violation()), at=NOW - 301_000)
    put(topics, "violations.malware", encode_violation(violation()), at=NOW - 299_000)
    result = CliRunner().invoke(
        cli, ["tail", "violations", "--from", "5m", "--stop-at-end", "--json"], standalone_mode=False
    )
    assert [json.loads(line)["record"]["offset"] for line in result.stdout.splitlines()] == [1]


@pytest.mark.parametrize(("since", "start"), [("beginning", 0), ("end", None)])
def test_where_it_begins(since: str, start: int | None) -> None:
    assert tail._start(since) == start


@pytest.mark.parametrize("since", ["5", "m", "yesterday", "-5m", "5 m"])
def test_a_wrong_age_is_a_usage_error(since: str) -> None:
    result = CliRunner().invoke(cli, ["tail", "tagged", "--from", since])
    assert result.exit_code == 2
    assert "--from" in result.stderr


def test_without_topics_it_says_what_to_do(topics: dict[str, list[Record]]) -> None:
    result = run("violations")
    assert getattr(result.exception, "exit_code", None) == 3
    assert "streams topics apply" in str(result.exception)


def test_rows_hold_no_bytes() -> None:
    assert plain({"k": b"abc", "m": StorageMode.EDGE, "n": None}) == {"k": {"bytes": 3}, "m": "edge", "n": None}
    assert moment(NOW) == "2023-11-14 22:13:20Z"
    assert moment(0) == moment(2**62) == "–"
