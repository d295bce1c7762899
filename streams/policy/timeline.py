"""The timeline: each signal is judged by the policy in force when it was ingested."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from streams.model import LABELS, Decision, Signal, Verdict
from streams.policy.bundle import Bundle, Rule
from streams.policy.view import Key, View, key_of

__all__ = ["REMEMBERED", "UNKNOWN_LISTED", "Segment", "Timeline", "active_rules"]

REMEMBERED = 65_536  # decisions kept for signals alike
UNKNOWN_LISTED = 16  # unknown rules named in one decision, most severe first; `complete` is false whatever their number


class Segment:
    """A stretch of time in which the same rules of one bundle are in force.

    A rule that cannot match without one of its labels or uses sleeps until one of them is there, so a signal costs
    what it touches. That is proven rule by rule (`Rule.sleeps`), never assumed.
    """

    def __init__(self, starts: int, bundle: Bundle, rules: Iterable[Rule]) -> None:
        self.starts = starts
        self.bundle = bundle
        ordered = sorted(rules, key=lambda rule: rule.order)
        self.rules = tuple(rule for rule in ordered if not rule.rates)
        self.rate_rules = tuple(rule for rule in ordered if rule.rates)
        self.clean = Decision(bundle.digest, bundle.version)
        self._awake: list[int] = []
        self._by_label: list[list[int]] = [[] for _ in LABELS]
        self._by_use: dict[str, list[int]] = {}
        for i, rule in enumerate(self.rules):
            self._index(i, rule)

    def _index(self, i: int, rule: Rule) -> None:
        if not rule.sleeps():
            self._awake.append(i)
            return
        for label in rule.when.reads.labels:
            self._by_label[label].append(i)
        for use in rule.when.reads.uses:
            self._by_use.setdefault(use, []).append(i)

    def judge(self, signal: Signal) -> Decision:
        """The decision on one signal, worked out anew."""
        view = View.of(signal, self.bundle.detectors)
        matched: list[Verdict] = []
        unknown: list[Verdict] = []
        for i in self._candidates(view):
            rule = self.rules[i]
            truth = rule.truth(view)
            if truth is True:
                matched.append(rule.verdict(truth, view.scores))
            elif truth is None:
                unknown.append(rule.verdict(truth, view.scores))
        complete = not unknown and not signal.gaps
        if complete and not matched:
            return self.clean
        listed = tuple(unknown[:UNKNOWN_LISTED])
        return Decision(self.bundle.digest, self.bundle.version, tuple(matched), listed, complete)

    def _candidates(self, view: View) -> Sequence[int]:
        if view.touched:
            return range(len(self.rules))
        found = set(self._awake)
        if any(view.scores):
            for label, score in enumerate(view.scores):
                if score:
                    found.update(self._by_label[label])
        for use in view.uses:
            found.update(self._by_use.get(use, ()))
        return sorted(found)


class Timeline:
    """Bundles in the order of their dates. Signals from before the first are judged by the first.

    Decisions are remembered by everything that a rule may read (`view.key_of`); at most `remembered` of them, then all
    are dropped and worked out anew, with the same results.
    """

    def __init__(self, bundles: Iterable[Bundle], remembered: int = REMEMBERED) -> None:
        self.bundles = tuple(sorted(bundles, key=lambda bundle: bundle.starts))
        if not self.bundles:
            raise ValueError("a timeline needs a bundle")
        self.segments = tuple(_segments(self.bundles))
        self._starts = [segment.starts for segment in self.segments]
        self._remembered = remembered
        self._memo: dict[tuple[int, Key], Decision] = {}

    @property
    def counted_labels(self) -> tuple[str, ...]:
        """The labels that any bundle's rate rules count, in wire order."""
        counted = {label for bundle in self.bundles for label in bundle.counted_labels}
        return tuple(label for label in LABELS if label in counted)

    def at(self, ingested_at: int) -> Bundle:
        """The bundle in force at a time of ingestion (ms)."""
        return self.segment(ingested_at).bundle

    def segment(self, ingested_at: int) -> Segment:
        """The rules in force at a time of ingestion (ms)."""
        return self.segments[max(0, bisect_right(self._starts, ingested_at) - 1)]

    def decide(self, signals: Sequence[Signal]) -> list[Decision]:
        """One decision for each signal, in order."""
        memo, only = self._memo, len(self._starts) == 1
        decisions: list[Decision] = []
        for signal in signals:
            place = 0 if only else max(0, bisect_right(self._starts, signal.source.ingested_at) - 1)
            key = (place, key_of(signal))
            found = memo.get(key)
            if found is None:
                if len(memo) >= self._remembered:
                    memo.clear()
                found = memo[key] = self.segments[place].judge(signal)
            decisions.append(found)
        return decisions


def active_rules(bundle: Bundle, at: int) -> tuple[Rule, ...]:
    """The rules of a bundle that are in force at a time; before the bundle's date, those of its first day."""
    at = max(at, bundle.starts)
    return tuple(rule for rule in bundle.rules if rule.starts <= at and (rule.ends is None or at < rule.ends))


def _segments(bundles: Sequence[Bundle]) -> Iterable[Segment]:
    for bundle, after in zip(bundles, [*bundles[1:], None], strict=True):
        dates = {date for rule in bundle.rules for date in (rule.starts, rule.ends) if date is not None}
        inner = {date for date in dates if date > bundle.starts and (after is None or date < after.starts)}
        for date in [bundle.starts, *sorted(inner)]:
            yield Segment(date, bundle, active_rules(bundle, date))
