"""The demonstration's traffic covers what it claims, and its picture is what the metrics say."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from streams.codec.intake import Intake
from streams.demo.proof import Proof
from streams.demo.screen import Picture, draw, line, read
from streams.demo.show import MARK, prepare
from streams.demo.traffic import ACCOUNTS, BROKEN, plain_event, samples
from streams.errors import ConfigurationError
from streams.lifecycle.receipts import Report
from streams.lifecycle.scan import Hit, Scanned
from streams.model import AREAS, Event, Record, Rejected, StorageMode

EXPOSITION = """
# TYPE streams_records_total counter
streams_records_total{disposition="stored",topic="t.intake"} 5.0
streams_records_total{disposition="dead_letter",topic="t.intake"} 2.0
# TYPE streams_violations_total counter
streams_violations_total{area="malware",category="malware",mode="standard",rule="a",severity="high",stage="enforce"} 3.0
streams_violations_total{area="malware",category="malware",mode="standard",rule="b",severity="high",stage="shadow"} 1.0
# TYPE streams_rejected_total counter
streams_rejected_total{code="invalid_json",topic="t.intake"} 2.0
# TYPE streams_lag_records gauge
streams_lag_records{partition="0",topic="t.intake"} 4.0
streams_lag_records{partition="1",topic="t.intake"} 3.0
"""


def test_the_traffic_has_every_area_in_english_and_all_but_markers_in_chinese() -> None:
    taken = list(islice(samples(), 400))
    assert {sample.area for sample in taken if sample.area} == {area.value for area in AREAS}
    assert {StorageMode(mode) for mode in ACCOUNTS.values()} == set(StorageMode)
    assert any("一" <= letter <= "鿿" for sample in taken for letter in sample.prompt or "")
    assert list(islice(samples(), 50)) == taken[:50], "the same each time"


def test_every_broken_record_is_turned_away_with_a_code_and_a_plain_event_is_taken() -> None:
    intake = Intake("cell", b"k" * 32, 1 << 20, {"t": "plain"})
    values = [data for _, data in BROKEN] + [plain_event("bakery-helper", "hello")]
    *broken, good = intake.decode([Record("t", 0, i, 0, b"k", value) for i, value in enumerate(values)])
    assert all(isinstance(one, Rejected) for one in broken)
    assert isinstance(good, Event)


def test_the_picture_is_read_from_the_metrics() -> None:
    picture = read(EXPOSITION)
    assert picture == Picture({"malware": 3}, {"malware": 1}, {"stored": 5, "dead_letter": 2}, {"invalid_json": 2}, 7)
    assert line(picture, 9, 3.0).startswith("sent 9, ended 7 (3/s), lag 7, violations 3, dead letters 2")
    console = Console(width=120, file=io.StringIO())
    console.print(draw(picture, 9, 3.0, 1.0))
    assert isinstance(console.file, io.StringIO)
    assert "malware" in console.file.getvalue()


def test_a_folder_of_a_demo_is_made_anew_and_another_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "old").touch()
    prepare(tmp_path / "demo")
    assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARK]
    with pytest.raises(ConfigurationError, match="not a demo's folder"):
        prepare(tmp_path)


SOUND = Report((), 3, 0)


@pytest.mark.parametrize(
    ("report", "hits", "unreadable", "holds"),
    [
        (SOUND, ["control"], [], True),
        (SOUND, [], [], False),
        (SOUND, ["control", "canary"], [], False),
        (SOUND, ["control"], [Path("locked")], False),
        (Report((), 3, 1), ["control"], [], False),
    ],
)
def test_the_proof_holds_only_when_all_of_it_does(
    report: Report, hits: list[str], unreadable: list[Path], holds: bool
) -> None:
    found = tuple(Hit(token, Path("file"), "raw") for token in hits)
    proof = Proof(report, 5, Scanned(1, 10, found, tuple(unreadable)), ("canary",), ("control",))
    assert proof.holds is holds
