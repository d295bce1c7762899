"""What a check says: a state, what was seen, where, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Remark", "State", "not_checked", "ok", "warning", "wrong"]


class State(StrEnum):
    """How something is. Nothing is `ok` that was not looked at: that is `not_checked`, with its reason."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_CHECKED = "not_checked"


class Remark(NamedTuple):
    """One remark of a check. `where` is an address, path or topic; `remedy` is empty where there is nothing to do."""

    state: State
    what: str
    where: str = ""
    remedy: str = ""


def ok(what: str, where: str = "") -> Remark:
    """Looked at, and as it should be."""
    return Remark(State.OK, what, where)


def warning(what: str, where: str, remedy: str) -> Remark:
    """Works, and will or may not for long."""
    return Remark(State.WARNING, what, where, remedy)


def wrong(what: str, where: str, remedy: str) -> Remark:
    """Does not work, or breaks a promise."""
    return Remark(State.WRONG, what, where, remedy)


def not_checked(why: str, where: str = "") -> Remark:
    """Not looked at, and why."""
    return Remark(State.NOT_CHECKED, why, where)
