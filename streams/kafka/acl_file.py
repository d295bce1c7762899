"""The file that says who is who: principals by role, subscribers with their areas. Mistakes are shown in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.errors import SettingsError
from streams.kafka.acls import ALL_AREAS, GUARDED, ROLES, SUBSCRIBED, SUBSCRIBER, Grant, own_groups
from streams.model.taxonomy import AREAS, Area
from streams.settings import Settings
from streams.written.mistakes import PolicyMistakes, did_you_mean
from streams.written.reading import Entry, File

__all__ = ["read_grants"]

_TYPE = "User:"
_EVERYBODY = ("*", "ANONYMOUS")


def read_grants(path: Path, settings: Settings) -> list[Grant]:
    """The grants of a file, or `PolicyMistakes` with every mistake in it."""
    try:
        file = File.read(path, str(path))
    except OSError as error:
        raise SettingsError(f"file of principals {path}: {error.strerror}") from None
    top = file.top()
    grants = _Principals(top, settings).read() if top is not None else []
    if file.mistakes:
        raise PolicyMistakes(file.mistakes)
    return grants


class _Principals:
    """Reads the file; knows who was named already."""

    def __init__(self, top: Entry, settings: Settings) -> None:
        self._top = top
        self._own_groups = own_groups(settings)
        self._named: dict[str, str] = {}

    def read(self) -> list[Grant]:
        grants = [
            Grant(principal, role)
            for role in ROLES
            for principal, node in self._top.words(role)
            if self._takes(self._top, node, principal, role)
        ]
        grants += [self._subscriber(entry) for entry in self._top.entries(SUBSCRIBER)]
        self._top.done()
        return grants

    def _takes(self, entry: Entry, node: Any, principal: str, role: str) -> bool:
        name = principal.removeprefix(_TYPE)
        wrong, hint = "", ""
        if name == principal or not name.strip():
            wrong, hint = f'"{principal}" is no principal', "User: and the name, as Kafka has it: User:streams-worker"
        elif name in _EVERYBODY:
            wrong, hint = f'"{principal}" is everybody', "name each user"
        elif principal in self._named:
            wrong = f'"{principal}" is {self._named[principal]} already'
            hint = "one user has one role: give each its own"
        if wrong:
            entry.wrong(node, wrong, hint)
        self._named.setdefault(principal, role)
        return not wrong

    def _subscriber(self, entry: Entry) -> Grant:
        principal = entry.text("principal")
        if principal:
            self._takes(entry, "principal", principal, SUBSCRIBER)
        areas, topics = self._areas(entry), self._topics(entry)
        if not entry.has("areas") and not entry.has("topics"):
            entry.wrong(None, "a subscriber of nothing", "add areas: [malware], or topics: [shadow]")
        grant = Grant(principal, SUBSCRIBER, areas, topics, self._groups(entry))
        entry.done()
        return grant

    @staticmethod
    def _areas(entry: Entry) -> tuple[Area, ...]:
        found: list[Area] = []
        for word, node in entry.words("areas"):
            if word == ALL_AREAS:
                found += [area for area in AREAS if area is not GUARDED]
            elif word in AREAS:
                found.append(Area(word))
            else:
                entry.wrong(node, f'unknown area "{word}"', did_you_mean(word, [*AREAS, ALL_AREAS], "areas"))
        return tuple(dict.fromkeys(found))

    @staticmethod
    def _topics(entry: Entry) -> tuple[str, ...]:
        found = entry.words("topics")
        for word, node in found:
            if word not in SUBSCRIBED:
                entry.wrong(node, f'"{word}" is no topic for subscribers', did_you_mean(word, SUBSCRIBED, "topics"))
        return tuple(word for word, _ in found)

    def _groups(self, entry: Entry) -> tuple[str, ...]:
        found = entry.words("groups")
        for word, node in found:
            if word in self._own_groups or word == "*":
                entry.wrong(node, f'"{word}" is no group for subscribers', "a name of its own: trust-safety")
        return tuple(word for word, _ in found)
