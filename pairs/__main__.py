"""Hold the data set to its promises, and tell its figures.

python -m pairs check                     every fault, with file and line; exit code 1 if there is one
python -m pairs check --others FOLDER     the same, and that no text is a copy of one in FOLDER/**/*.jsonl.gz
python -m pairs figures [--json]          counts, lengths, openings, agreement, trivial models, the detectors' AUPRC
python -m pairs review DRAFT …            what is wrong with drafts (form: pairs/drafts.py), and what tells twins apart
python -m pairs add DRAFT …               append drafts to the set, with ids and splits
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairs.checking import check, read
from pairs.drafts import DraftError, add, parse
from pairs.loading import DATA, files
from pairs.reviewing import review

SECOND = Path(__file__).parent / "second"


def second_labels(folder: Path) -> dict[str, bool] | None:
    """The second reader's labels by text id; None when there are none."""
    paths = sorted(folder.glob("*.jsonl"))
    lines = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["id"]: line["breaks"] for line in lines} if lines else None


def others(folder: Path) -> dict[str, str]:
    """Texts of other sets, by file and line."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found |= {f"{path.name}:{number}": json.loads(line)["text"] for number, line in enumerate(lines, 1)}
    return found


def figures(folder: Path) -> dict[str, Any]:
    """All figures of the card."""
    from pairs.figures import counts, kappa, lengths, openings, trivial
    from pairs.rules import auprc

    texts = [one.text for one in read(files(folder))[0]]
    labels = second_labels(SECOND) or {}
    judged: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for text in texts:
        if text.id in labels:
            judged[f"{text.lang} {text.category or 'harmless'}"].append((text.breaks, labels[text.id]))
    return {
        "texts": len(texts),
        "counts": counts(texts),
        "lengths": lengths(texts),
        "openings": openings(texts),
        "kappa": {name: round(kappa(*zip(*both, strict=True)), 3) for name, both in sorted(judged.items())},
        "trivial": {lang: trivial(texts, lang) for lang in ("en", "zh")},
        "rules": auprc(texts),
    }


def drafted(command: str, paths: Sequence[Path], folder: Path) -> int:
    """Review drafts, or add them."""
    if not paths:
        print(f"pairs: {command} needs a file of drafts", file=sys.stderr)
        return 2
    try:
        if command == "add":
            print(f"{add(paths, folder)} texts added; now: python -m pairs check")
            return 0
        for path in paths:
            for line in review(parse(path), path, folder):
                print(line)
    except (DraftError, OSError, UnicodeDecodeError) as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m pairs", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("command", choices=["check", "figures", "review", "add"])
    parser.add_argument("drafts", nargs="*", type=Path, help="for review and add: files of drafts")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with en/ and zh/")
    parser.add_argument("--others", type=Path, help="a folder of texts that none may be a copy of")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    if not files(chosen.data):
        print(f"pairs: {chosen.data} holds no en/*.jsonl or zh/*.jsonl", file=sys.stderr)
        return 2
    if chosen.command in ("review", "add"):
        return drafted(chosen.command, chosen.drafts, chosen.data)
    if chosen.command == "figures":
        told = figures(chosen.data)
        print(json.dumps(told, ensure_ascii=False) if chosen.json else json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    faults = check(chosen.data, second_labels(SECOND), others(chosen.others) if chosen.others else None)
    if chosen.json:
        print(json.dumps([{"file": str(one.path), "line": one.line, "fault": one.what} for one in faults]))
    else:
        for fault in faults:
            print(fault)
        print(f"{sum(len(path.read_bytes().splitlines()) for path in files(chosen.data))} texts, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
