"""What expressions mean: trees to closures over a view, in three-valued logic.

`True` is matched, `False` not matched, `None` unknown. Unknown is not false: `and` is false when a part is false, else
unknown when a part is unknown; `or` is true when a part is true, else unknown when a part is unknown; `not` leaves
unknown as it is (Kleene's strong logic). So an answer that can no longer change is given in spite of a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.model import CATEGORY_AREA, INDEX, TRAITS, Audience, Kind, StorageMode
from streams.policy.syntax import And, Call, Compare, Expression, Fault, Name, Not, Number, Or, Reading
from streams.policy.view import View
from streams.written.mistakes import did_you_mean

__all__ = [
    "FACTS",
    "FUNCTIONS",
    "LONGEST_WINDOW",
    "SIMULATED",
    "WORDS",
    "Compiler",
    "Judge",
    "Rate",
    "Reads",
    "Vocabulary",
    "describe",
]

Judge = Callable[[View], bool | None]
SIMULATED = ("none", "historical", "consented", "labelled", "unlabelled")

# Facts that are true, false or unknown.
FACTS: dict[str, str] = {
    "reviewed": "a qualified person reviews what is given out",
    "enterprise": "the account has an enterprise agreement",
    "business_associate": "the account has signed a business associate agreement",
    "in_conversation": "the event is part of a conversation",
}
# Facts that are one word of several, or unknown. An empty tuple allows any ISO 639-1 code.
WORDS: dict[str, tuple[str, ...]] = {
    "kind": tuple(kind.value for kind in Kind),
    "audience": tuple(audience.value for audience in Audience),
    "mode": tuple(mode.value for mode in StorageMode),
    "simulated": SIMULATED,
    "language": (),
}
FUNCTIONS: dict[str, str] = {
    "score": "score(category) >= number",
    "trait": "trait(trait) >= number",
    "use": "use(id): the application or the account declares this use",
    "any_use": "any_use(id, …): it declares one of these uses",
    "use_group": "use_group(group): it declares a use of this group",
    "disclosed": "disclosed(id): it declares that users are told this",
    "declared": "declared(fact): it said anything at all about reviewed, audience or simulated",
    "rate": "rate(label, minutes=60) >= number: events of one account in a window",
}
_SAYABLE = ("reviewed", "audience", "simulated")
LONGEST_WINDOW = 24 * 60  # the counts topic keeps 48 hours


@dataclass(frozen=True)
class Vocabulary:
    """The names that a bundle gives: thresholds, uses with their groups, disclosures with the trait that shows them."""

    thresholds: Mapping[str, int] = field(default_factory=dict)
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    disclosures: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups of uses."""
        return tuple(sorted(frozenset().union(*self.uses.values())))

    def members(self, group: str) -> frozenset[str]:
        """The uses of a group."""
        return frozenset(use for use, groups in self.uses.items() if group in groups)


@dataclass(frozen=True)
class Rate:
    """So many events of one account with a label in a window of minutes."""

    label: str
    minutes: int
    least: int


@dataclass
class Reads:
    """What an expression reads. `scored` are the labels whose height speaks for a match."""

    labels: set[int] = field(default_factory=set)
    scored: set[int] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    rates: list[Rate] = field(default_factory=list)
    others: bool = False  # reads something besides rates


class Compiler:
    """Turns trees into closures, and notes what they read. Raises `Fault` for a name or value that does not hold."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.reads = Reads()

    def compile(self, node: Expression, positive: bool = True) -> Judge:
        """The closure for a tree; `positive` is false below a `not`."""
        if isinstance(node, And):
            return _every([self.compile(part, positive) for part in node.parts])
        if isinstance(node, Or):
            return _some([self.compile(part, positive) for part in node.parts])
        if isinstance(node, Not):
            return self._not(node, positive)
        if isinstance(node, Compare):
            return self._compare(node, positive)
        if isinstance(node, Call):
            return self._predicate(node)
        return self._fact(node)

    def limit(self, value: Name | Number, lowest: int = 0, highest: int = 100) -> int:
        """The number that a value stands for: itself, or a threshold of the bundle."""
        if isinstance(value, Name):
            if value.text not in self._vocabulary.thresholds:
                hint = did_you_mean(value.text, list(self._vocabulary.thresholds), "thresholds")
                raise Fault(value.start, value.end, f'unknown threshold "{value.text}"', hint)
            return self._vocabulary.thresholds[value.text]
        if not lowest <= value.value <= highest:
            hint = f"numbers here go from {lowest} to {highest}"
            raise Fault(value.start, value.end, f"{value.value} is out of range", hint)
        return value.value

    def _not(self, node: Not, positive: bool) -> Judge:
        before = len(self.reads.rates)
        inner = self.compile(node.inner, not positive)
        if len(self.reads.rates) != before:
            raise Fault(node.start, node.end, "a rate can only be too high", "leave out the not")
        return _opposite(inner)

    def _fact(self, node: Name) -> Judge:
        if node.text in FACTS:
            self.reads.others = True
            return _fact(node.text)
        if node.text in WORDS:
            hint = f"compare it: {node.text} == {(WORDS[node.text] or ('en',))[0]}"
            raise Fault(node.start, node.end, f'"{node.text}" alone is neither true nor false', hint)
        if node.text in FUNCTIONS:
            raise Fault(node.start, node.end, f'"{node.text}" is a function', f"write {FUNCTIONS[node.text]}")
        hint = did_you_mean(node.text, [*FACTS, *WORDS, *FUNCTIONS], "facts and functions")
        raise Fault(node.start, node.end, f'unknown fact "{node.text}"', hint)

    def _compare(self, node: Compare, positive: bool) -> Judge:
        left = node.left
        if isinstance(left, Call):
            return self._number(node, left, positive)
        if left.text in WORDS:
            return self._word(node, left)
        self._fact(left)
        hint = f'write "{left.text}" or "not {left.text}"'
        raise Fault(node.start, node.end, f'"{left.text}" is true, false or unknown: it is not compared', hint)

    def _number(self, node: Compare, call: Call, positive: bool) -> Judge:
        name = self._function(call)
        if name not in ("score", "trait", "rate"):
            hint = f"write {FUNCTIONS[name]}"
            raise Fault(node.start, node.end, f"{name}(…) is true or false: it is not compared", hint)
        if node.operator not in (">=", ">", "<", "<="):
            hint = "compare numbers with >=, >, < or <="
            raise Fault(node.start, node.end, f'"{node.operator}" does not fit a number', hint)
        if name == "rate":
            return self._rate(node, call)
        index = self._label(call, name)
        limit = self.limit(node.values[0]) + (node.operator in (">", "<="))
        upward = node.operator in (">=", ">")
        self.reads.labels.add(index)
        if upward is positive:
            self.reads.scored.add(index)
        self.reads.others = True
        reached = _reaches(index, limit)
        return reached if upward else _opposite(reached)

    def _label(self, call: Call, name: str) -> int:
        word = self._one(call)
        known: tuple[str, ...] = tuple(CATEGORY_AREA) if name == "score" else TRAITS
        if word.text in known:
            return INDEX[word.text]
        if word.text in INDEX:
            other = "trait" if name == "score" else "score"
            hint = f"write {other}({word.text})"
            raise Fault(word.start, word.end, f'"{word.text}" is a {"trait" if other == "trait" else "category"}', hint)
        kind = "category" if name == "score" else "trait"
        raise Fault(word.start, word.end, f'unknown {kind} "{word.text}"', did_you_mean(word.text, known))

    def _rate(self, node: Compare, call: Call) -> Judge:
        word = self._one(call, "minutes")
        if word.text not in INDEX:
            raise Fault(word.start, word.end, f'unknown label "{word.text}"', did_you_mean(word.text, list(INDEX)))
        if not call.options:
            raise Fault(call.start, call.end, "rate(…) needs a window", f"write rate({word.text}, minutes=60)")
        if node.operator not in (">=", ">"):
            hint = "a rate rule says how many are too many: rate(…) >= number"
            raise Fault(node.start, node.end, "a rate can only be too high", hint)
        minutes = self.limit(call.options[0][1], 1, LONGEST_WINDOW)
        least = self.limit(node.values[0], 1, 1_000_000) + (node.operator == ">")
        self.reads.rates.append(Rate(word.text, minutes, least))
        return _never  # a rate is judged over many events, by `rates.py`

    def _word(self, node: Compare, name: Name) -> Judge:
        if node.operator not in ("==", "!=", "in", "not in"):
            raise Fault(node.start, node.end, f'"{node.operator}" does not fit a word', "compare words with == or in")
        allowed = WORDS[name.text]
        chosen = set()
        for value in node.values:
            if isinstance(value, Number):
                raise Fault(value.start, value.end, f'"{name.text}" is a word, not a number')
            if allowed and value.text not in allowed:
                hint = did_you_mean(value.text, allowed)
                raise Fault(value.start, value.end, f'"{value.text}" is no {name.text}', hint)
            if not allowed and (len(value.text) != 2 or not value.text.islower()):
                raise Fault(value.start, value.end, f'"{value.text}" is no language', "two letters: en, zh, fr")
            chosen.add(value.text)
        self.reads.others = True
        member = _member(name.text, frozenset(chosen))
        return member if node.operator in ("==", "in") else _opposite(member)

    def _predicate(self, call: Call) -> Judge:
        name = self._function(call)
        if name in ("score", "trait", "rate"):
            hint = f"write {FUNCTIONS[name].partition(':')[0]}"
            raise Fault(call.start, call.end, f"{name}(…) is a number: it has to be compared", hint)
        self.reads.others = True
        if name == "disclosed":
            word = self._one(call)
            self._known(word, self._vocabulary.disclosures, "disclosure")
            return _disclosed(word.text)
        if name == "declared":
            word = self._one(call)
            self._known(word, dict.fromkeys(_SAYABLE), "fact that may go undeclared")
            return _declared(word.text)
        return self._uses(call, name)

    def _uses(self, call: Call, name: str) -> Judge:
        if name == "use_group":
            word = self._one(call)
            self._known(word, dict.fromkeys(self._vocabulary.groups), "group of uses")
            uses = self._vocabulary.members(word.text)
        else:
            words = (self._one(call),) if name == "use" else call.words
            if not words:
                raise Fault(call.start, call.end, "any_use(…) names no use", FUNCTIONS["any_use"])
            for word in words:
                self._known(word, self._vocabulary.uses, "use")
            uses = frozenset(word.text for word in words)
        self.reads.uses |= uses
        return _uses(uses)

    def _function(self, call: Call) -> str:
        name = call.name
        if name.text not in FUNCTIONS:
            raise Fault(name.start, name.end, f'unknown function "{name.text}"', did_you_mean(name.text, [*FUNCTIONS]))
        for option, value in call.options:
            if name.text != "rate" or option.text != "minutes":
                hint = "only rate(…) has one: minutes"
                raise Fault(option.start, value.end, f'{name.text}(…) has no option "{option.text}"', hint)
        return name.text

    def _one(self, call: Call, option: str = "") -> Name:
        if len(call.words) != 1 or len(call.options) > bool(option):
            raise Fault(call.start, call.end, f"{call.name.text}(…) takes one name", FUNCTIONS[call.name.text])
        return call.words[0]

    def _known(self, word: Name, known: Mapping[str, Any], kind: str) -> None:
        if word.text not in known:
            raise Fault(word.start, word.end, f'unknown {kind} "{word.text}"', did_you_mean(word.text, list(known)))


def _every(parts: list[Judge]) -> Judge:
    def judge(view: View) -> bool | None:
        truth: bool | None = True
        for part in parts:
            found = part(view)
            if found is False:
                return False
            if found is None:
                truth = None
        return truth

    return judge


def _some(parts: list[Judge]) -> Judge:
    def judge(view: View) -> bool | None:
        truth: bool | None = False
        for part in parts:
            found = part(view)
            if found is True:
                return True
            if found is None:
                truth = None
        return truth

    return judge


def _opposite(inner: Judge) -> Judge:
    def judge(view: View) -> bool | None:
        found = inner(view)
        return None if found is None else not found

    return judge


def _reaches(index: int, limit: int) -> Judge:
    """A score is what was found so far: with a gap it can only be higher, so "reached" stands and "below" is open."""

    def judge(view: View) -> bool | None:
        if view.scores[index] >= limit:
            return True
        return None if index in view.touched and limit <= 100 else False

    return judge


def _fact(name: str) -> Judge:
    def judge(view: View) -> bool | None:
        found: bool | None = getattr(view, name)
        return found

    return judge


def _member(name: str, chosen: frozenset[str]) -> Judge:
    def judge(view: View) -> bool | None:
        found = getattr(view, name)
        return None if found is None else found in chosen

    return judge


def _declared(name: str) -> Judge:
    return lambda view: None if view.kind is None else getattr(view, name) is not None


def _disclosed(disclosure: str) -> Judge:
    return lambda view: None if view.kind is None else disclosure in view.disclosures


def _uses(uses: frozenset[str]) -> Judge:
    return lambda view: not uses.isdisjoint(view.uses)


def _never(_: View) -> bool:
    return False


def describe(reading: Reading, view: View) -> str:
    """What is read from a view, as people write it. Ids and numbers only."""
    if isinstance(reading, Call):
        if reading.name.text in ("score", "trait"):
            index = INDEX[reading.words[0].text]
            more = " or more (gap)" if index in view.touched else ""
            return f"{view.scores[index]}{more}"
        return "counted over a window" if reading.name.text == "rate" else ""
    found = getattr(view, reading.text)
    if found is None:
        return "undetermined" if reading.text == "language" else "not declared"
    return ("yes" if found else "no") if isinstance(found, bool) else str(found)
