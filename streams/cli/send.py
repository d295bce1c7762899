"""`streams send`: JSON Lines as events, through the SDK."""

from __future__ import annotations

import json
import logging
import sys
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, BinaryIO, NamedTuple, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from streams.cli.context import interactive, settings
from streams.client.config import Connection, Limits, Password
from streams.client.report import Problem
from streams.client.sync import Client
from streams.errors import BrokerUnavailable
from streams.kafka.reaching import reach
from streams.kafka.reading import Publisher
from streams.model.routing import record_key
from streams.settings import Settings

__all__ = ["command"]

SHOWN = 20  # lines with errors that are named
READY_SECONDS = 30.0
FLUSH_SECONDS = 60.0
LARGEST_LINE = 16 * 1024 * 1024
PLAIN_BATCH = 500
HELD = 10_000  # events on their way, at most
NO_JSON = "not a JSON object"


class Line(NamedTuple):
    """One line: the file's name, the line's number, its bytes (None when too long), and what it is as an event."""

    file: str
    number: int
    data: bytes | None
    fields: dict[str, Any] | None


class Told:
    """What is said at the end: counts, and the places of lines with errors. Never content."""

    def __init__(self) -> None:
        self.lines = 0
        self.sent = 0
        self.reasons: Counter[str] = Counter()
        self.errors: list[tuple[str, str]] = []
        self._numbers = array("q")  # line numbers by sequence
        self._files: list[tuple[int, str]] = []  # first sequence of each file

    def recorded(self, line: Line) -> None:
        """A line was handed to the client, and took the next sequence number."""
        if not self._files or self._files[-1][1] != line.file:
            self._files.append((len(self._numbers) + 1, line.file))
        self._numbers.append(line.number)

    def place(self, sequence: int) -> str:
        """Where the event with a sequence number stood."""
        if not 0 < sequence <= len(self._numbers):
            return f"event {sequence}"
        file = self._files[bisect_right(self._files, (sequence, "\U0010ffff")) - 1][1]
        return f"{file}:{self._numbers[sequence - 1]}"

    def wrong(self, place: str, reason: str) -> None:
        """A line that was not sent."""
        self.reasons[reason] += 1
        if len(self.errors) < SHOWN:
            self.errors.append((place, reason))

    def problem(self, problem: Problem) -> None:
        """The client's callback: a drop is an error of its line; what passes is told once."""
        if not problem.dropped:
            click.echo(f"streams send: {problem}", err=True)
            return
        code = getattr(problem.error, "code", None)
        reason = f"{problem.field}: {code}" if problem.field and code else problem.reason.value
        self.wrong(self.place(problem.sequence) if problem.sequence else "at the end", reason)


class Sending(Protocol):
    """A way to Kafka for lines."""

    def send(self, line: Line) -> None:
        """Hand over one line."""
        ...

    def finish(self) -> None:
        """Send what is left."""
        ...


class Sealed:
    """Through the SDK: content is sealed before it leaves. Waits where an application's client would drop."""

    def __init__(self, client: Client, told: Told) -> None:
        self._client = client
        self._told = told

    def send(self, line: Line) -> None:
        """One event; a line that the client refuses comes back through its callback."""
        while self._client.statistics.buffered_events >= HELD:
            sleep(0.01)
        self._told.recorded(line)
        self._client.record(**(line.fields or {}))

    def finish(self) -> None:
        """Wait until all is acknowledged; what is not is dropped and told."""
        self._client.flush(FLUSH_SECONDS)
        self._client.close(5.0)
        self._told.sent = self._client.statistics.sent


class Plain:
    """As JSON in the clear on `intake.plain`, in batches that wait for the broker."""

    def __init__(self, publisher: Publisher, topic: str, told: Told) -> None:
        self._publisher = publisher
        self._topic = topic
        self._told = told
        self._batch: list[tuple[bytes, bytes | None]] = []

    def send(self, line: Line) -> None:
        """One line as it is, but for defaults that were filled in."""
        fields = line.fields or {}
        account = fields.get("account")
        if not isinstance(account, str):
            self._told.wrong(f"{line.file}:{line.number}", "account: missing_field")
            return
        conversation = fields.get("conversation")
        key = record_key(account, conversation if isinstance(conversation, str) else None)
        self._batch.append((key, json.dumps(fields).encode()))
        if len(self._batch) >= PLAIN_BATCH:
            self._flush()

    def finish(self) -> None:
        """Send the last batch."""
        self._flush()
        self._publisher.close()

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            self._told.sent += len(self._publisher.publish(self._topic, batch))


@click.command(short_help="Send JSON Lines as events through the SDK.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--account", help="Account of lines that name none.")
@click.option("--application", help="Application of lines that name none.")
@click.option("--topic", type=click.Choice(["intake", "intake.plain"]), default="intake", show_default=True)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second, at most.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def command(
    files: tuple[str, ...], account: str | None, application: str | None, topic: str, rate: float | None, as_json: bool
) -> int:
    """Send JSON Lines from FILES (or standard input, also as `-`) as events.

    A line is an object with the keywords of the SDK's record(): "account", and "prompt", "completion" or "messages";
    or {"text": …}, which is a prompt. On `intake` content is sealed before it leaves; on `intake.plain` lines go in
    the clear, for accounts that may be stored.

    \b
    Examples:
      echo '{"prompt": "hello", "completion": "good day"}' | streams send --account acme
      streams send --rate 100 --json events.jsonl

    Exit codes: 0 all sent, 1 some lines were not, 2 wrong usage, 3 no broker. Ctrl-C sends what was read (130).
    """
    told = Told()
    defaults = {name: value for name, value in (("account", account), ("application", application)) if value}
    sending = _open(settings(), topic, told)
    interrupted = False
    try:
        _send(sending, files or ("-",), defaults, rate, told)
    except KeyboardInterrupt:
        interrupted = True
        click.echo("interrupted: sending what was read", err=True)
    finally:
        sending.finish()
    _summary(told, as_json)
    if interrupted:
        raise click.Abort
    return 1 if told.reasons else 0


def connection_of(chosen: Settings) -> Connection:
    """The SDK's own connection, from the deployment's settings."""
    values = {name: getattr(chosen.kafka, name) for name in type(chosen.kafka).model_fields}
    if values["password"] is not None:
        values["password"] = Password(values["password"].get_secret_value())
    return Connection(**values)


def _open(chosen: Settings, topic: str, told: Told) -> Sending:
    if topic == "intake.plain":
        logging.getLogger("kafka").setLevel(logging.INFO)  # at DEBUG it logs what it sends, which is in the clear here
        return Plain(Publisher(chosen.kafka), chosen.topics.prefix + topic, told)
    limits = Limits(max_bytes=256 * 1024 * 1024, max_age=60.0)
    reach(chosen.kafka)
    client = Client(connection_of(chosen), prefix=chosen.topics.prefix, on_error=told.problem, limits=limits)
    if not client.wait_ready(READY_SECONDS):
        client.close(0.0)
        raise BrokerUnavailable(
            f"Kafka at {chosen.kafka.bootstrap} did not give the topics `accounts` and `keys` within "
            f"{READY_SECONDS:g} s: is it running, and are topics and vault set up? Try: streams topics check"
        )
    return Sealed(client, told)


def _send(sending: Sending, files: tuple[str, ...], defaults: dict[str, str], rate: float | None, told: Told) -> None:
    started = monotonic()
    with _progress(files) as advance:
        for count, line in enumerate(_lines(files)):
            told.lines += 1
            advance(len(line.data or b""))
            if line.fields is None:
                told.wrong(f"{line.file}:{line.number}", NO_JSON if line.data is not None else "longer than 16 MiB")
                continue
            for name, value in defaults.items():
                line.fields.setdefault(name, value)
            sending.send(line)
            if rate is not None and (ahead := started + (count + 1) / rate - monotonic()) > 0:
                sleep(ahead)


def _lines(files: tuple[str, ...]) -> Iterator[Line]:
    for name in files:
        if name == "-":
            yield from _read("stdin", sys.stdin.buffer)
        else:
            with Path(name).open("rb") as file:
                yield from _read(name, file)


def _read(name: str, file: BinaryIO) -> Iterator[Line]:
    number = 0
    while data := file.readline(LARGEST_LINE + 1):
        number += 1
        if len(data) > LARGEST_LINE:
            while data and not data.endswith(b"\n"):
                data = file.readline(LARGEST_LINE)
            yield Line(name, number, None, None)
        elif data.strip():
            yield Line(name, number, data, _fields(data))


def _fields(data: bytes) -> dict[str, Any] | None:
    """A line as keywords of `record()`; None when it is no JSON object. What it holds is checked by the client."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if "text" in value and "prompt" not in value:
        value["prompt"] = value.pop("text")
    if "id" in value and "event_id" not in value:
        value["event_id"] = value.pop("id")
    return value


@contextmanager
def _progress(files: tuple[str, ...]) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, only where a person watches and only over files, whose size is known."""
    if not interactive() or "-" in files:
        yield lambda size: None
        return
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sending", total=sum(Path(name).stat().st_size for name in files))
        yield lambda size: progress.advance(task, size)


def _summary(told: Told, as_json: bool) -> None:
    dropped = sum(told.reasons.values())
    if as_json:
        errors = [{"place": place, "reason": reason} for place, reason in told.errors]
        said = {"lines": told.lines, "sent": told.sent, "not_sent": dropped, "reasons": told.reasons, "errors": errors}
        click.echo(json.dumps(said))
        return
    click.echo(f"{told.lines} lines, {told.sent} sent, {dropped} not sent")
    for place, reason in told.errors:
        click.echo(f"  {place}: {reason}")
    if dropped > len(told.errors):
        click.echo(f"  and {dropped - len(told.errors)} more: {', '.join(f'{r} {n}' for r, n in told.reasons.items())}")
