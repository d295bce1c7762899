"""docs/bad-input.md has a row for each code, and docs/records.md is right about bytes and JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from streams.codec.events import decode_json_event
from streams.codec.identity import Digester
from streams.codec.schemas import newest, versions
from streams.errors import Code
from streams.model import Disposition
from tests.contract.samples import SAMPLES

ROOT = Path(__file__).parents[2]
BAD = (ROOT / "docs/bad-input.md").read_text(encoding="utf-8")
RECORDS = (ROOT / "docs/records.md").read_text(encoding="utf-8")
JSON = re.findall(r"```json\n(.*?)```", RECORDS, re.S)


def test_every_code_has_one_row_with_dispositions_that_exist() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", BAD, re.M)
    assert [code for code, _ in rows] == [code.value for code in Code]
    dispositions = {disposition.value for disposition in Disposition}
    assert all(set(ended.split(", ")) <= dispositions for _, ended in rows)


@pytest.mark.parametrize("number", range(len(JSON)))
def test_the_json_that_is_shown_is_taken(number: int) -> None:
    meta, content = decode_json_event(JSON[number].encode(), Digester(b"k"))
    assert meta.account == "acme"
    assert content.messages


def test_the_code_that_is_shown_reads_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", RECORDS, re.S)
    shown: dict[str, Any] = {}
    monkeypatch.chdir(ROOT)
    exec(code, shown)
    for record, sample in SAMPLES.items():
        name, datum = shown["read"](sample.encoded)
        assert name == f"{record}/v{newest(record).version}"
        assert isinstance(datum, dict)


def test_every_record_is_in_the_table_of_topics_or_inside_a_seal() -> None:
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*\|$", RECORDS, re.M))))
    assert set(versions()) <= told
