"""A canary is found wherever it lies, and nowhere else."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from streams.lifecycle import scan as scanning
from streams.lifecycle.scan import canary, scan

TOKEN = "canary-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("shift", range(7))
def test_base64_is_seen_through_at_every_alignment(tmp_path: Path, shift: int) -> None:
    text = "x" * shift + TOKEN + " and a tail"
    (tmp_path / "f").write_bytes(base64.b64encode(text.encode()))
    assert {hit.form[:6] for hit in scan([tmp_path], [TOKEN]).hits} == {"base64"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("raw", b"\x00" + TOKEN.encode() + b"\xff"),
        ("json", json.dumps({"prompt": TOKEN}).encode()),
        ("hex", TOKEN.encode().hex().encode()),
        ("utf-16", ("é" + TOKEN).encode("utf-16-le")),
        ("gzip", gzip.compress(b"before " + TOKEN.encode())),
    ],
)
def test_every_form_is_found(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(data)
    assert {hit.canary for hit in scan([tmp_path], [TOKEN]).hits} == {TOKEN}


def test_another_canary_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(canary())
    scanned = scan([tmp_path], [TOKEN])
    assert scanned.hits == ()
    assert scanned.files == 1


def test_a_canary_across_two_pieces_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", 16)
    (tmp_path / "f").write_bytes(b"." * 11 + TOKEN.encode() + b"." * 50)
    assert [hit.canary for hit in scan([tmp_path], [TOKEN]).hits] == [TOKEN]


def test_a_broken_gzip_is_named_and_still_searched_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\x1f\x8b" + TOKEN.encode())
    scanned = scan([tmp_path], [TOKEN])
    assert [hit.form for hit in scanned.hits] == ["raw"]
    assert scanned.unreadable == (tmp_path / "f",)
