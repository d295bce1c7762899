"""Runs checks side by side, each within its own time: a part that hangs does not hold up the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from streams.doctor.remark import Remark, State, not_checked, wrong
from streams.errors import ComplianceError
from streams.settings import Settings

__all__ = ["Check", "Result", "examine"]

Look = Callable[[Settings], Sequence[Remark]]


class Check(NamedTuple):
    """One thing to look at. It is not looked at where a check that it `needs` found something wrong."""

    name: str
    look: Look
    needs: tuple[str, ...] = ()
    seconds: float = 20.0


class Result(NamedTuple):
    """What one check said, and how long it took."""

    check: str
    remarks: tuple[Remark, ...]
    seconds: float

    @property
    def states(self) -> set[State]:
        """All states among its remarks."""
        return {remark.state for remark in self.remarks}

    @property
    def sound(self) -> bool:
        """Whether there is nothing to do."""
        return not self.states & {State.WARNING, State.WRONG}

    def as_json(self) -> list[dict[str, Any]]:
        """Plain data for a program, one object a remark."""
        return [{"check": self.check, **remark._asdict()} for remark in self.remarks]


class _Running:
    """A check in a thread of its own, which is left behind where it hangs: it holds nothing that others need."""

    def __init__(self, check: Check, settings: Settings) -> None:
        self.check = check
        self._settings = settings
        self._remarks: Sequence[Remark] | None = None
        self._took = 0.0
        self._started = monotonic()
        self._thread = threading.Thread(target=self._look, name=f"doctor {check.name}", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        try:
            remarks = self.check.look(self._settings)
        except ComplianceError as error:
            remarks = [wrong(str(error), "", "")]
        except Exception as error:
            remarks = [wrong(f"this check itself failed: {type(error).__name__}", "", "report it")]
        self._took = monotonic() - self._started
        self._remarks = remarks or [wrong("this check said nothing", "", "report it")]

    def result(self) -> Result:
        """What it said, or that it did not end in time."""
        limit = self.check.seconds
        self._thread.join(max(0.0, self._started + limit - monotonic()))
        said = self._remarks
        if said is None:
            late = wrong(f"no answer within {limit:g} s", "", "see what is overloaded or hangs")
            return Result(self.check.name, (late,), limit)
        return Result(self.check.name, tuple(said), self._took)


def examine(checks: Iterable[Check], settings: Settings, without: Collection[str] = ()) -> list[Result]:
    """Run all checks but those in `without`, in the order of their needs; results in the order given."""
    waiting = list(checks)
    order = [check.name for check in waiting]
    results: dict[str, Result] = {}
    while waiting:
        ready = [check for check in waiting if all(need in results for need in check.needs if need in order)]
        if not ready:
            raise ValueError(f"checks that need each other: {', '.join(check.name for check in waiting)}")
        waiting = [check for check in waiting if check not in ready]
        running = []
        for check in ready:
            why = _why_not(check, results, without)
            if why is None:
                running.append(_Running(check, settings))
            else:
                results[check.name] = Result(check.name, (not_checked(why),), 0.0)
        for one in running:
            results[one.check.name] = one.result()
    return [results[name] for name in order]


def _why_not(check: Check, results: dict[str, Result], without: Collection[str]) -> str | None:
    if check.name in without:
        return "left out on request"
    for need in check.needs:
        states = results[need].states if need in results else {State.NOT_CHECKED}
        if State.WRONG in states:
            return f"needs {need}, where something is wrong"
        if states == {State.NOT_CHECKED}:
            return f"needs {need}, which was not checked"
    return None
