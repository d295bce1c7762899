"""Rate rules: judged over many events of one account, from the counts that workers publish.

A window of N minutes ends with each minute in which something of the rule was counted. When the events in it reach a
rule's limit, that is one violation for the account, the rule and the stretch of N minutes (counted from 1970) in which
the window ends, so a flood gives one violation a stretch and not one an event.

Results do not depend on the order or on repeats: counts only add up, a count that comes again (same account, label,
minute and source) replaces its first copy, and ids are made of cell, account, policy, rule and stretch alone. A crash
between publishing and committing can cut batches anew, so that events are counted under another source too: for one
window a rate may then be judged too high, by at most one batch.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from streams.model import INDEX, Count, Source, StorageMode, Violation
from streams.policy.bundle import Bundle, Rule
from streams.policy.meaning import LONGEST_WINDOW, Rate
from streams.policy.syntax import And, Compare, Expression, Or
from streams.policy.timeline import Timeline

__all__ = ["CAPACITY", "LATE_MINUTES", "LOOK_BACK_MINUTES", "RateJudge", "rate_violation_id"]

MINUTE_MS: Final = 60_000
LATE_MINUTES: Final = 60  # how far behind the newest minute of an account a count still takes part
LOOK_BACK_MINUTES: Final = LATE_MINUTES + LONGEST_WINDOW  # what came before takes no part any more
CAPACITY: Final = 100_000  # accounts held
SOURCES_A_MINUTE: Final = 1_024  # sources told apart in one minute of one label

_Minutes = dict[int, dict[Source, int]]


class RateJudge:
    """Counts in, violations of rate rules out. Pure: the newest count is its clock.

    Each violation comes out once, as long as its account is held. `late` counts what came too far behind its account's
    newest minute to take part, `evicted` the accounts that were dropped for room, the longest unseen first; after
    either, a rate may be judged too low, so both belong into a metric.
    """

    def __init__(self, policies: Timeline, mode_of: Callable[[str], StorageMode], capacity: int = CAPACITY) -> None:
        self._policies = policies
        self._mode_of = mode_of
        self._capacity = capacity
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self.late = 0
        self.evicted = 0

    def take(self, counts: Iterable[Count]) -> list[Violation]:
        """Take counts in any order; returns the violations that they complete."""
        found: list[Violation] = []
        for count in counts:
            account = self._account(count.account)
            if not account.add(count):
                self.late += 1
                continue
            found += self._judge(count, account)
        return found

    def _account(self, name: str) -> _Account:
        account = self._accounts.get(name)
        if account is None:
            if len(self._accounts) >= self._capacity:
                self._accounts.popitem(last=False)
                self.evicted += 1
            account = self._accounts[name] = _Account()
        self._accounts.move_to_end(name)
        return account

    def _judge(self, count: Count, account: _Account) -> list[Violation]:
        found = []
        for minute in account.ends(count.minute // MINUTE_MS):
            segment = self._policies.segment(minute * MINUTE_MS)
            bundle = segment.bundle
            for rule in segment.rate_rules:
                labels = {rate.label for rate in rule.rates}
                if count.label not in labels or not account.counted(minute, labels):
                    continue
                stretch = minute // max(rate.minutes for rate in rule.rates)
                key = (bundle.digest, rule.id, stretch)
                if key not in account.told and account.reaches(rule.when.tree, rule.rates, minute):
                    account.told[key] = minute
                    found.append(self._violation(count, bundle, rule, stretch))
        return found

    def _violation(self, count: Count, bundle: Bundle, rule: Rule, stretch: int) -> Violation:
        identity = rate_violation_id(count.source.cell, count.account, bundle.digest, rule.id, stretch)
        return Violation(
            violation_id=identity,
            source=count.source,
            event_id=f"rate.{stretch}",
            account=count.account,
            application=None,
            area=rule.area,
            category=rule.category,
            rule=rule.id,
            severity=rule.severity,
            stage=rule.stage,
            score=100,
            recommended=rule.recommended,
            policy=bundle.digest,
            version=bundle.version,
            detectors="counts",
            mode=self._mode_of(count.account),
        )


def rate_violation_id(cell: str, account: str, policy: str, rule: str, stretch: int) -> str:
    """The id of a rate rule broken by an account in one stretch: 32 hexadecimal digits, the same after a replay."""
    place = f"rate|{cell}|{account}|{policy}|{rule}|{stretch}"
    return hashlib.blake2b(place.encode(), digest_size=16).hexdigest()


class _Account:
    """The counts of one account, by label and minute; at most the longest window and the allowed lateness of them."""

    def __init__(self) -> None:
        self._labels: dict[str, _Minutes] = {}
        self._newest = -1
        self.told: dict[tuple[str, str, int], int] = {}

    def add(self, count: Count) -> bool:
        """Take a count; false when it is too late to take part, or names a label that does not exist."""
        minute = count.minute // MINUTE_MS
        if count.label not in INDEX or minute < self._newest - LATE_MINUTES:
            return False
        if minute > self._newest:
            self._newest = minute
            self._forget(minute - LATE_MINUTES - LONGEST_WINDOW)
        sources = self._labels.setdefault(count.label, {}).setdefault(minute, {})
        source = count.source
        if source not in sources and len(sources) >= SOURCES_A_MINUTE:
            source = next(
                iter(sources)
            )  # no room to tell it apart: added to one that is there, so that it still counts
            sources[source] += count.events
        else:
            sources[source] = max(count.events, sources.get(source, 0))
        return True

    def _forget(self, oldest: int) -> None:
        for label, minutes in list(self._labels.items()):
            self._labels[label] = {
                minute: sources if minute >= self._newest - LATE_MINUTES else _folded(sources)
                for minute, sources in minutes.items()
                if minute >= oldest
            }
        self.told = {key: minute for key, minute in self.told.items() if minute >= oldest}

    def ends(self, minute: int) -> list[int]:
        """The minutes whose windows hold this minute and end with something counted, this one first."""
        later = {
            other for minutes in self._labels.values() for other in minutes if minute < other < minute + LONGEST_WINDOW
        }
        return [minute, *sorted(later)]

    def counted(self, minute: int, labels: Iterable[str]) -> bool:
        """Whether anything of these labels was counted in a minute: only there a rule's windows end."""
        return any(minute in self._labels.get(label, {}) for label in labels)

    def reaches(self, tree: Expression, rates: tuple[Rate, ...], minute: int) -> bool:
        """Whether the windows that end with this minute hold enough."""
        by_place = dict(zip(_compares(tree), rates, strict=True))
        return self._reaches(tree, by_place, minute)

    def _reaches(self, tree: Expression, rates: dict[Compare, Rate], minute: int) -> bool:
        if isinstance(tree, And):
            return all(self._reaches(part, rates, minute) for part in tree.parts)
        if isinstance(tree, Or):
            return any(self._reaches(part, rates, minute) for part in tree.parts)
        assert isinstance(tree, Compare)
        rate = rates[tree]
        return self._sum(rate.label, minute - rate.minutes, minute) >= rate.least

    def _sum(self, label: str, after: int, until: int) -> int:
        minutes = self._labels.get(label, {})
        return sum(sum(sources.values()) for minute, sources in minutes.items() if after < minute <= until)


def _folded(sources: dict[Source, int]) -> dict[Source, int]:
    """The sum alone: nothing can be repeated any more in a minute that is too late to take part."""
    return sources if len(sources) == 1 else {next(iter(sources)): sum(sources.values())}


def _compares(tree: Expression) -> list[Compare]:
    """The comparisons of a rate rule from left to right, as the compiler met them."""
    if isinstance(tree, And | Or):
        return [compare for part in tree.parts for compare in _compares(part)]
    assert isinstance(tree, Compare)
    return [tree]
