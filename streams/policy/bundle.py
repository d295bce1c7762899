"""Bundles: the dated policies as data, ready to judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.model import LABELS, Action, Area, Severity, Stage, Truth, Verdict
from streams.policy.meaning import Compiler, Judge, Rate, Reads, Vocabulary
from streams.policy.syntax import Expression, Fault, parse
from streams.policy.view import BLANK, View
from streams.written.mistakes import Mistake, Text

__all__ = ["LANGUAGE", "Bundle", "Condition", "Obligation", "Rule"]

# Grows when the same files would be judged differently: it is part of every digest.
LANGUAGE = 1
_SEVERITIES = tuple(Severity)
_TRUTHS = {True: Truth.MATCHED, False: Truth.NOT_MATCHED, None: Truth.UNKNOWN}


class Condition(NamedTuple):
    """An expression: its text, its tree, what it reads, and the closure that judges it."""

    text: str
    tree: Expression
    judge: Judge
    reads: Reads

    @classmethod
    def of(cls, text: str, vocabulary: Vocabulary) -> Condition:
        """Parse and compile. Raises `Fault` with offsets into `text`."""
        tree = parse(text)
        compiler = Compiler(vocabulary)
        judge = compiler.compile(tree)
        return cls(text, tree, judge, compiler.reads)

    @classmethod
    def at(cls, file: Text, start: int, end: int, vocabulary: Vocabulary) -> Condition | Mistake:
        """The condition that stands in a file from `start` up to `end`, or the mistake in it."""
        try:
            return cls.of(file.text[start:end], vocabulary)
        except Fault as fault:
            return file.mistake(start + fault.start, start + fault.end, fault.message, fault.hint)


class Rule(NamedTuple):
    """A named condition over a signal. `when` has to be true; an `unless` that is true excuses.

    An excuse has to be shown: one that is unknown does not excuse, or a gap would open the door.
    """

    id: str
    requirement: str
    area: Area
    category: str
    title: str
    clause: str
    severity: Severity
    stage: Stage
    recommended: Action
    starts: int  # ms, the first moment in force
    ends: int | None  # ms, the first moment no longer in force
    when: Condition
    unless: Condition | None = None
    obligation: str | None = None

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The rates of a rate rule; empty for a rule that is judged from one signal."""
        return tuple(self.when.reads.rates)

    @property
    def order(self) -> tuple[int, str]:
        """Most severe first, then by id: the order of verdicts."""
        return -_SEVERITIES.index(self.severity), self.id

    def truth(self, view: View) -> bool | None:
        """Matched, not matched or unknown, for one signal. A rate rule is never matched by one signal."""
        found = self.when.judge(view)
        if found is False or self.unless is None or self.unless.judge(view) is not True:
            return found
        return False

    def verdict(self, truth: bool | None, scores: bytes) -> Verdict:
        """The verdict, with the highest of the scores that speak for a match; 100 for declared uses alone."""
        height = max((scores[index] for index in self.when.reads.scored), default=0)
        return Verdict(
            rule=self.id,
            truth=_TRUTHS[truth],
            area=self.area,
            category=self.category,
            stage=self.stage,
            severity=self.severity,
            recommended=self.recommended,
            score=height if height or truth is None else 100,
        )

    def sleeps(self) -> bool:
        """Whether the rule is false of every signal that has none of its labels and none of its uses."""
        return self.when.judge(BLANK) is False


class Obligation(NamedTuple):
    """Something that must be there where it applies: each need is disclosed, or stands in the text."""

    id: str
    applies: Condition
    needs: tuple[tuple[str, Condition], ...]

    def standing(self, view: View) -> str:
        """One of `does not apply`, `present`, `partial`, `missing`, `unknown`."""
        applies = self.applies.judge(view)
        if applies is False:
            return "does not apply"
        there = [need.judge(view) for _, need in self.needs]
        if all(there):
            return "present"
        if applies is None or None in there:
            return "unknown"
        return "partial" if any(there) else "missing"


class Bundle(NamedTuple):
    """One dated policy. `digest` is BLAKE2b-128 over its files; `version` is the date it is named by."""

    version: str
    digest: str
    title: str
    starts: int
    rules: tuple[Rule, ...]
    obligations: tuple[Obligation, ...]
    vocabulary: Vocabulary
    detectors: Mapping[str, frozenset[int]]
    folder: str = ""

    @property
    def counted_labels(self) -> tuple[str, ...]:
        """The labels that rate rules count, in wire order."""
        counted = {rate.label for rule in self.rules for rate in rule.rates}
        return tuple(label for label in LABELS if label in counted)

    def rule(self, name: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == name), None)
