"""Figures on labelled texts are counts: no text leaves, whatever is in the file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

SECRET = "zebra-kettle-lamp"


def test_counts_by_source_and_category_and_never_a_text(tmp_path: Path) -> None:
    rows = [
        {"text": f"{SECRET} [[synthetic:malware]]", "source": "made", "lang": "en", "unsafe": True},
        {"text": f"{SECRET} bread", "source": "made", "lang": "en", "unsafe": False},
        {"text": f"{SECRET} tea", "source": "made", "lang": "en", "unsafe": None},
    ]
    with gzip.open(tmp_path / "made.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    command = [sys.executable, "-m", "bench.detection", "--data", str(tmp_path)]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=True)
    totals = json.loads(told.stdout)["totals"]
    assert {label: (one["texts"], one["flagged"]) for label, one in totals.items()} == {
        "unsafe": (1, 1),
        "harmless": (1, 0),
        "unlabelled": (1, 0),
    }
    table = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "| malware | 1 | 0 |" in table.stdout
    cost = subprocess.run([*command, "--cost", "--json"], capture_output=True, text=True, timeout=60, check=True)
    (one,) = json.loads(cost.stdout)
    assert (one["source"], one["texts"]) == ("made", 3)
    assert one["microseconds"] > 0
    assert SECRET not in told.stdout + told.stderr + table.stdout + table.stderr + cost.stdout + cost.stderr
