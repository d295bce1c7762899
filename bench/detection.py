"""What the detectors say of labelled texts, in counts alone: no text is ever printed.

    python -m bench.detection --data FOLDER        *.jsonl.gz with {"text", "source", "lang", "unsafe"} in each line
    python -m bench.detection --data FOLDER --cost what detection costs of each source, in µs of CPU

A text is flagged when some category scores 70 or more. Texts whose `unsafe` is null are counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

from bench.load import rows
from streams.detect import load_detectors
from streams.model import CATEGORY_AREA, INDEX, Content, Message, Role

__all__ = ["FLAGGED_FROM", "Cost", "Tally", "costs", "tally"]

FLAGGED_FROM = 70
BATCH = 512
MOST = 1_000  # texts of a source whose cost is measured
_CATEGORIES = [(category, INDEX[category]) for category in CATEGORY_AREA]


class Tally(NamedTuple):
    """Texts and flagged ones by (source, language, unsafe), and flagged ones by (category, unsafe)."""

    texts: Counter[tuple[str, str, str]]
    flagged: Counter[tuple[str, str, str]]
    categories: Counter[tuple[str, str]]


def tally(lines: Iterator[dict[str, Any]]) -> Tally:
    """Count what is flagged."""
    detectors = load_detectors()
    found = Tally(Counter(), Counter(), Counter())
    while batch := list(islice(lines, BATCH)):
        detections = detectors.detect([_prompt(row) for row in batch])
        for row, detection in zip(batch, detections, strict=True):
            unsafe = {True: "unsafe", False: "harmless"}.get(row.get("unsafe"), "unlabelled")  # type: ignore[arg-type]
            place = (str(row.get("source")), str(row.get("lang")), unsafe)
            found.texts[place] += 1
            above = [category for category, index in _CATEGORIES if detection.scores[index] >= FLAGGED_FROM]
            found.flagged[place] += bool(above)
            found.categories.update((category, unsafe) for category in above)
    return found


def _prompt(row: dict[str, Any]) -> Content:
    if "text" not in row:
        raise ValueError("a line without a text")
    return Content((Message(Role.USER, str(row["text"])),))


class Cost(NamedTuple):
    """Texts of a source, their mean length in characters, and µs of CPU that one takes (the median of three turns)."""

    source: str
    texts: int
    characters: float
    microseconds: float


def costs(lines: Iterator[dict[str, Any]], most: int = MOST) -> list[Cost]:
    """What detection costs of each source, of which the first `most` texts are taken."""
    detectors = load_detectors()
    taken: dict[str, list[Content]] = defaultdict(list)
    for row in lines:
        some = taken[str(row.get("source"))]
        if len(some) < most:
            some.append(_prompt(row))
    found = []
    for source, contents in sorted(taken.items()):
        turns = []
        for _ in range(3):
            started = process_time()
            detectors.detect(contents)
            turns.append((process_time() - started) / len(contents) * 1e6)
        characters = sum(len(content) for content in contents) / len(contents)
        found.append(Cost(source, len(contents), round(characters, 1), round(median(turns), 1)))
    return found


def cost_table(found: list[Cost]) -> str:
    """The same for people."""
    lines = ["| source | texts | characters each | µs each | µs for 500 characters |", "|---|---|---|---|---|"]
    return "\n".join(lines + [
        f"| {one.source} | {one.texts:,} | {one.characters:,.0f} | {one.microseconds:,.1f} "
        f"| {one.microseconds / max(1, one.characters) * 500:,.0f} |"
        for one in found
    ])  # fmt: skip


def as_json(found: Tally) -> dict[str, Any]:
    """Totals by label, and rows by source and by category."""
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (_, _, unsafe), number in found.texts.items():
        totals[unsafe][0] += number
    for (_, _, unsafe), number in found.flagged.items():
        totals[unsafe][1] += number
    return {
        "flagged_from": FLAGGED_FROM,
        "totals": {unsafe: {"texts": texts, "flagged": flagged} for unsafe, (texts, flagged) in sorted(totals.items())},
        "sources": [
            {"source": source, "lang": lang, "label": unsafe, "texts": number,
             "flagged": found.flagged[source, lang, unsafe]}
            for (source, lang, unsafe), number in sorted(found.texts.items())
        ],
        "categories": [
            {"category": category, **{label: found.categories[category, label] for label in ("unsafe", "harmless")}}
            for category in CATEGORY_AREA
        ],
    }  # fmt: skip


def markdown(told: dict[str, Any]) -> str:
    """Tables for a document."""
    lines = ["| label | texts | flagged | share |", "|---|---|---|---|"]
    lines += [_row(label, one["texts"], one["flagged"]) for label, one in told["totals"].items()]
    lines += ["", "| source | language | label | texts | flagged | share |", "|---|---|---|---|---|---|"]
    lines += [
        _row(f"{one['source']} | {one['lang']} | {one['label']}", one["texts"], one["flagged"])
        for one in told["sources"]
    ]
    lines += ["", "| category | flagged among unsafe | flagged among harmless |", "|---|---|---|"]
    lines += [f"| {one['category']} | {one['unsafe']:,} | {one['harmless']:,} |" for one in told["categories"]]
    return "\n".join(lines)


def _row(name: str, texts: int, flagged: int) -> str:
    return f"| {name} | {texts:,} | {flagged:,} | {100 * flagged / texts:.1f} % |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cost", action="store_true", help="µs of CPU by source, in place of counts")
    chosen = parser.parse_args()
    try:
        told = _costs_told(chosen) if chosen.cost else _counts_told(chosen)
    except (OSError, EOFError, ValueError) as error:  # of another form: the kind of mistake, never the text
        sys.exit(f"{chosen.data} holds a file that is no gzipped JSON lines with a text each: {type(error).__name__}")
    if told is None:
        sys.exit(f"no texts (*.jsonl.gz) in {chosen.data}")
    print(told)
    return 0


def _costs_told(chosen: argparse.Namespace) -> str | None:
    found = costs(rows(chosen.data))
    if not found:
        return None
    return json.dumps([one._asdict() for one in found]) if chosen.json else cost_table(found)


def _counts_told(chosen: argparse.Namespace) -> str | None:
    told = as_json(tally(rows(chosen.data)))
    if not told["sources"]:
        return None
    return json.dumps(told) if chosen.json else markdown(told)


if __name__ == "__main__":
    sys.exit(main())
