"""Hold the data set to its promises, and tell its figures.

python -m pairs check                     every fault, with file and line; exit code 1 if there is one
python -m pairs check --others FOLDER     the same, and that no text is a copy of one in FOLDER/**/*.jsonl.gz
python -m pairs figures [--json]          counts, lengths, openings, agreement, trivial models, the detectors' AUPRC
python -m pairs card                      the tables of the card (README.md), as Markdown
python -m pairs review DRAFT …            what is wrong with drafts (form: pairs/drafts.py), and what tells twins apart
python -m pairs add DRAFT …               append drafts to the set, with ids and splits
python -m pairs drop PAIR …               take pairs out, with their second labels
python -m pairs sheets --sheets FOLDER    sheets for a second reader of all texts that have no second label
python -m pairs answers --sheets FOLDER ANSWERS …     take the answers (`KEY 1`, `KEY 0` or `KEY ?` a line)
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from pairs.card import tables
from pairs.checking import check, read
from pairs.drafts import DraftError, add, drop, parse
from pairs.figures import counts, kinds, lengths, openings, variety
from pairs.loading import DATA, files
from pairs.reviewing import review
from pairs.second import KEYS, SECOND, AnswerError, Table, agreements, digest, keep, labels, read_answers, sheets, take


def others(folder: Path) -> dict[str, str]:
    """Texts of other sets, by file and line."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found |= {f"{path.name}:{number}": json.loads(line)["text"] for number, line in enumerate(lines, 1)}
    return found


def figures(folder: Path, second: Path) -> dict[str, Any]:
    """All figures of the card."""
    from pairs.rules import auprc
    from pairs.trivial import trivial, trivial_by_category

    texts = [one.text for one in read(files(folder))[0]]
    agreed = agreements(second)
    whole = {lang: reduce(Table.joined, (table for name, table in agreed.items() if name[:2] == lang), Table())
             for lang in ("en", "zh")}  # fmt: skip
    return {
        "texts": len(texts),
        "counts": counts(texts),
        "kinds": kinds(texts),
        "lengths": lengths(texts),
        "distinct_trigrams": variety(texts),
        "openings": openings(texts),
        "agreement": {name: table.told() for name, table in {**whole, **agreed}.items()},
        "trivial": {lang: trivial(texts, lang) for lang in ("en", "zh")},
        "bag_of_words": trivial_by_category(texts),
        "rules": auprc(texts),
    }


def second(chosen: argparse.Namespace) -> int:
    """Write sheets for those that have no second label, or take the answers to them."""
    texts = {one.text.id: one.text for one in read(files(chosen.data))[0]}
    if chosen.command == "answers" and not chosen.files:
        print("pairs: answers needs a file of answers", file=sys.stderr)
        return 2
    try:
        if chosen.command == "sheets":
            known = labels(chosen.second)
            unread = [text for text in texts.values() if text.id not in known or known[text.id].digest != digest(text)]
            for path in sheets(unread, chosen.sheets, chosen.parts, seed=len(known)) if unread else ():
                print(path)
            print(f"{len(unread)} texts to read" + (f"; {chosen.sheets / KEYS} is not for readers" if unread else ""))
            return 0
        answers = read_answers(chosen.sheets, chosen.files, texts)
    except (OSError, UnicodeDecodeError) as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 1
    disputed = take(answers, chosen.second)
    print(f"{len(answers)} labels taken, {len(disputed)} disputed: rewrite, or drop with the twin")
    for name in disputed:
        print(name)
    return 1 if disputed else 0


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
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m pairs", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("command", choices=["check", "figures", "card", "review", "add", "drop", "sheets", "answers"])
    parser.add_argument("files", nargs="*", type=Path, help="drafts (review, add), answers, or ids of pairs (drop)")
    parser.add_argument("--sheets", type=Path, default=Path("sheets"), help="the folder of sheets (default: sheets)")
    parser.add_argument("--parts", type=int, default=8, help="how many sheets to make (default: 8)")
    parser.add_argument("--second", type=Path, help="the folder of second labels (default: second, beside the data)")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with en/ and zh/")
    parser.add_argument("--others", type=Path, help="a folder of texts that none may be a copy of")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_intermixed_args(arguments)
    if chosen.parts < 1:
        parser.error("--parts: at least one sheet")
    try:
        return run(chosen)
    except AnswerError as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 1


def run(chosen: argparse.Namespace) -> int:
    """The command that was chosen. `AnswerError` for answers and second labels that cannot be read."""
    chosen.second = chosen.second or chosen.data.parent / SECOND.name
    if not files(chosen.data):
        print(f"pairs: {chosen.data} holds no en/*.jsonl or zh/*.jsonl", file=sys.stderr)
        return 2
    if chosen.command in ("review", "add"):
        return drafted(chosen.command, chosen.files, chosen.data)
    if chosen.command == "drop":
        gone = drop({str(name) for name in chosen.files}, chosen.data)
        left = {one.text.id for one in read(files(chosen.data))[0]}
        keep({name: label for name, label in labels(chosen.second).items() if name in left}, chosen.second)
        print(f"{gone} texts taken out")
        return 0 if gone else 1
    if chosen.command in ("sheets", "answers"):
        return second(chosen)
    if chosen.command == "card":
        print(tables([one.text for one in read(files(chosen.data))[0]], agreements(chosen.second)), end="")
        return 0
    if chosen.command == "figures":
        told = figures(chosen.data, chosen.second)
        print(json.dumps(told, ensure_ascii=False) if chosen.json else json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    faults = check(chosen.data, labels(chosen.second), others(chosen.others) if chosen.others else None)
    if chosen.json:
        print(json.dumps([{"file": str(one.path), "line": one.line, "fault": one.what} for one in faults]))
    else:
        for fault in faults:
            print(fault)
        print(f"{sum(len(path.read_bytes().splitlines()) for path in files(chosen.data))} texts, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
