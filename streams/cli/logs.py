"""Log lines of long-running commands: to standard error, without content."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.settings import Settings

__all__ = ["start_logging"]

EVERY_SECONDS = 30.0  # a library says one thing so often at most
KINDS = 1_000


def _text(record: logging.LogRecord) -> str:
    """A line with its values, as far as they may be shown: what a library says of an error may hold what it was given.

    What asyncio says of a task shows the error's text behind the first line; a warning's text behind its category.
    """
    args = record.args
    if not _ours(record) and isinstance(args, tuple):
        args = tuple(type(value).__name__ if isinstance(value, BaseException) else value for value in args)
    try:
        text = str(record.msg) % args if args else str(record.msg)
    except Exception:
        return f"{record.msg} (its values do not fit)"
    if record.name == "asyncio":
        return text.partition("\n")[0]
    if record.name == "py.warnings":
        return ": ".join(text.split(": ", 2)[:2])
    return text


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "streams"


class _Line(logging.Formatter):
    """Of an exception its type only: the message of a library's error may hold what it was given."""

    def message(self, record: logging.LogRecord) -> str:
        text = _text(record)
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text} ({record.exc_info[0].__name__})"
        return text

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        return f"{at} {record.levelname.lower():<7} {self.message(record)}"


class _JsonLine(_Line):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        return json.dumps(line)


class _Repeats(logging.Filter):
    """Lets one line of a kind pass in `EVERY_SECONDS`, and tells how many like it did not. Our own lines all pass.

    A client library without its broker writes a hundred lines a second; they would bury what matters, and fill a disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if _ours(record):
            return True
        kind = (record.name, record.levelno, str(record.msg))
        shown, held = self._shown.get(kind, (0.0, 0))
        if shown and record.created - shown < EVERY_SECONDS:
            self._shown[kind] = shown, held + 1
            return False
        if len(self._shown) >= KINDS:
            self._shown.clear()
        self._shown[kind] = record.created, 0
        if held:
            record.msg, record.args = f"{_text(record)} ({held} more like it since)", ()
        return True


def _thread_ended(about: threading.ExceptHookArgs) -> None:
    name = about.thread.name if about.thread is not None else "a thread"
    logging.getLogger("threading").error("%s ended with an error", name, exc_info=about.exc_value)


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The process ends by a defect: its type and its place, in one line; its text may hold what a customer wrote."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last is not None else "no place known"
    logging.getLogger("streams").critical("ended with an error: %s at %s", kind.__name__, place)


def _unraisable(about: sys.UnraisableHookArgs) -> None:
    logging.getLogger("streams").error("an error in %s was ignored: %s", _name(about.object), about.exc_type.__name__)


def _name(thing: object) -> str:
    return str(getattr(thing, "__qualname__", type(thing).__name__))


def start_logging(settings: Settings) -> None:
    """Log our own lines from `log_level` on, and libraries' from WARNING on, in the form that `log_format` names."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Repeats())
    handler.setFormatter(_JsonLine() if settings.log_format == "json" else _Line())
    threading.excepthook = _thread_ended
    sys.excepthook, sys.unraisablehook = _ended, _unraisable
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # of a line that it cannot write, Python would show the values
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("streams").setLevel(settings.log_level)
