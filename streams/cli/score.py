"""`streams score`: JSON Lines in, one line of scores each out. The worker's detectors and policy, and no Kafka."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from streams.cli.context import interactive, settings
from streams.cli.given import LARGEST, event_of
from streams.errors import Code, DecodeError, RecordError
from streams.model import CATEGORY_AREA, LABELS, Account, Accounts, Event, Kind, Source, Stage, StorageMode

if TYPE_CHECKING:
    from streams.model import Evidence, Outcome
    from streams.pipeline import Rules

__all__ = ["command"]

BATCH = 256
BLOCK = 1 << 16
NAME = "scored"
TOLD_EVERY = 5_000


@click.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option(
    "--kind", type=click.Choice(["prompt", "completion"]), default="prompt", show_default=True, help='What {"text"} is.'
)
@click.option("--traits", is_flag=True, help="Scores of traits too (legal_topic, tailored, defensive …).")
@click.option("--shadow", is_flag=True, help="Violations of rules on trial too.")
@click.option("--at", "date", type=click.DateTime(["%Y-%m-%d"]), help="Judge by the policy of this day; default: now.")
@click.option("--policy", type=click.Path(path_type=Path), help="Folder of policies; default: that of the settings.")
@click.option("--lexicons", type=click.Path(path_type=Path), help="Folder of lexicons; default: the built-in ones.")
def command(file: BinaryIO | None, kind: str, traits: bool, shadow: bool, date: Any, **folders: Path | None) -> int:
    """Score JSON Lines from FILE (or standard input, also as `-`) by category, one line each, in order.

    A line is {"text": …} or a whole event as on intake.plain, with an optional "id". The answer is
    {"id", "scores": {category: 0–100}, "violations": [rule …], "gaps": [detector:reason …]}; categories that are not
    named score 0. A line that cannot be read is answered too, with "error" and a gap; at the end its kind is counted on
    standard error, and the exit code is 1.

    \b
    Example:  echo '{"id": 1, "text": "Write ransomware"}' | streams score
              streams score --kind completion answers.jsonl > scores.jsonl
    """
    stream = file if file is not None else click.get_binary_stream("stdin")
    if file is None and stream.isatty():
        click.echo('type {"text": "…"} and Enter; Ctrl-D ends', err=True)
    moment = time.time() if date is None else date.timestamp()
    scorer = Scorer(_rules(**folders), Kind(kind), int(moment * 1000), Shown(traits, shadow))
    for batch in batches(stream):
        sys.stdout.write("".join(scorer.answer(batch)))
        sys.stdout.flush()
        if interactive() and scorer.lines % TOLD_EVERY < len(batch):
            click.echo(f"\r{scorer.lines:,} lines", nl=False, err=True)
    if interactive() and scorer.lines >= TOLD_EVERY:
        click.echo(err=True)
    for code, number in scorer.errors.items():
        click.echo(f"streams score: {number} lines could not be read: {code}", err=True)
    return 1 if scorer.errors else 0


def _rules(policy: Path | None, lexicons: Path | None) -> Rules:
    from streams.detect import load_detectors
    from streams.pipeline import Rules
    from streams.policy import load_policies

    chosen = settings()
    accounts = Accounts({NAME: Account(NAME, mode=StorageMode.STANDARD)}, default=StorageMode.STANDARD)
    return Rules(load_detectors(lexicons), load_policies(policy or chosen.policy.bundles), accounts, chosen.region)


def batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Lines as they come, up to `BATCH` at once: a line never waits for others that are not there yet.

    Of a line beyond the limit so much is kept that it is seen to be too large.
    """
    lines: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    while block := os.read(stream.fileno(), BLOCK):
        first, *more = block.split(b"\n")
        if size <= LARGEST:
            parts.append(first)
            size += len(first)
        if more:
            lines += [b"".join(parts), *more[:-1]]
            parts, size = [more[-1]], len(more[-1])
        while len(lines) >= BATCH:
            yield lines[:BATCH]
            del lines[:BATCH]
        if lines and not select.select([stream], [], [], 0)[0]:
            yield lines
            lines = []
    if any(parts):
        lines.append(b"".join(parts))
    if lines:
        yield lines


class Shown(NamedTuple):
    """What is shown beyond categories and enforced rules."""

    traits: bool
    shadow: bool


class Scorer:
    """Answers lines. `lines` were seen, `errors` counts those that could not be read, by code."""

    def __init__(self, rules: Rules, kind: Kind, at_ms: int, shown: Shown) -> None:
        self._rules = rules
        self._kind = kind
        self._at_ms = at_ms
        self._shown = shown
        self.lines = 0
        self.errors: Counter[str] = Counter()

    def answer(self, lines: list[bytes]) -> list[str]:
        """One line of JSON for each line; blank ones are answered as well, so that numbers of lines agree."""
        from streams.pipeline import process

        given = [self._read(line) for line in lines]
        events = [event for _, event in given if isinstance(event, Event)]
        outcomes = iter(process(events, self._rules))
        answers = [
            self._scored(name, next(outcomes)) if isinstance(item, Event) else self._failed(name, item)
            for name, item in given
        ]
        return [json.dumps(answer) + "\n" for answer in answers]

    def _read(self, line: bytes) -> tuple[Any, Event | Code]:
        self.lines += 1
        name: Any = None
        try:
            raw = _parsed(line)
            if isinstance(raw, dict):
                name = raw.get("id", raw.get("event_id"))
            source = Source(NAME, NAME, 0, self.lines, self._at_ms)
            return name, event_of(raw, source, NAME, self._kind)
        except RecordError as error:
            return name, error.code

    def _scored(self, name: Any, outcome: Outcome[Evidence]) -> dict[str, Any]:
        signal, decision = outcome.signal, outcome.decision
        if signal is None or decision is None:
            return self._failed(name, outcome.code or Code.PROCESS_FAILED)
        scores = {
            label: score
            for label, score in zip(LABELS, signal.scores, strict=True)
            if score and (self._shown.traits or label in CATEGORY_AREA)
        }
        broken = [one.rule for one in decision.matched if self._shown.shadow or one.stage is Stage.ENFORCE]
        gaps = [f"{gap.detector}:{gap.reason.value}" for gap in signal.gaps]
        return {"id": name, "scores": scores, "violations": broken, "gaps": gaps}

    def _failed(self, name: Any, code: Code) -> dict[str, Any]:
        self.errors[code.value] += 1
        return {"id": name, "scores": {}, "violations": [], "gaps": [f"input:{code.value}"], "error": code.value}


def _parsed(line: bytes) -> Any:
    if len(line) > LARGEST:
        raise DecodeError(Code.TOO_LARGE)
    if not line.strip():
        raise DecodeError(Code.EMPTY)
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise DecodeError(Code.INVALID_JSON) from None
