"""Guards: strings of which every match of an expression holds one, so that the expression is only tried where one is.

Plain phrases cost a scan nearly nothing; expressions that begin with everyday words and go on with "any words" cost
nearly all of it. What such an expression needs is worked out from its structure: alternatives add up, what follows
each other is multiplied out while it stays small, and of all candidates the one whose weakest string is strongest wins.
It follows the idea of required literals (Cox, "Regular Expression Matching in the Wild", 2010).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

from re import _constants as kinds, _parser  # type: ignore[attr-defined]  # isort: skip

from streams.detect.language import EVERYDAY

__all__ = ["Guarded", "guard_of", "guarded"]

PRODUCT = 40  # strings that a run is multiplied out to
WEAKEST = 3.0  # a guard with a weaker string would be everywhere
ENOUGH = 4.0  # of two that are stronger, the one of fewer strings is better
FURTHER = 1.5  # what each further word adds, however common: two in a row are rarer than one
_COMMON = EVERYDAY | frozenset(
    re.findall(
        r"\w+",
        "take make made get got go going give gave put use used using want need help tell told know say said see "
        "look find work works time day days year years people way thing things good new first last long great "
        "little own other old right big high small large next few public bad same able come think back after "
        "before well even because any most just now only like one two three four five per every each once please "
        "show let try keep call called another much many such very over under off while still here also may might "
        "must never always again between through during man men woman women life world home money name part place "
        "case point hand number group problem fact start turn run move play live believe hold bring happen write "
        "set sit stand lose pay meet follow stop create speak read add ",
    )
)
Strings = frozenset[str]
_EMPTY: Strings = frozenset({""})


class Guarded(NamedTuple):
    """An expression in two: what has no guard and is to be tried everywhere, and the rest with its guard."""

    open: str | None
    behind: str | None
    guard: frozenset[str] = frozenset()


def guarded(expression: str) -> Guarded:
    r"""Part an expression by its alternatives: one without a strong guard does not spoil the others.

    >>> guarded(r"\b(?:smuggle (?:\w+ )?in|i)\b")
    Guarded(open='\\b(?:i)\\b', behind='\\b(?:smuggle (?:\\w+ )?in)\\b', guard=frozenset({'smuggle '}))
    """
    left, body, right = _edges(expression)
    opened: list[str] = []
    behind: list[str] = []
    guard: set[str] = set()

    def part(before: str, branches: Sequence[str]) -> None:
        sides: dict[bool, list[str]] = {True: [], False: []}
        for branch in branches:
            found = guard_of(f"{left}(?:{before}(?:{branch})){right}")
            guard.update(found or ())
            start = 0 if found else _last_group(branch)
            if start and not before:
                part(branch[:start], _alternatives(branch[start + 3 : -1]))
            else:
                sides[found is None].append(branch)
        for some, put in ((sides[True], opened), (sides[False], behind)):
            if some:
                put.append(f"{before}(?:{'|'.join(some)})" if before else "|".join(some))

    part("", _alternatives(body))
    whole = [f"{left}(?:{'|'.join(some)}){right}" if some else None for some in (opened, behind)]
    return Guarded(whole[0], whole[1], frozenset(guard))


def _edges(expression: str) -> tuple[str, str, str]:
    """What stands around the one group that an expression is, and what is in it."""
    found = re.fullmatch(r"((?:\\b)?)\(\?:(.*)\)((?:\\b)?)", expression, re.DOTALL)
    closed = found is not None and min((depth for _, depth in _outline(found[2])), default=0) >= 0
    return (found[1], found[2], found[3]) if found is not None and closed else ("", expression, "")


def _outline(body: str) -> Iterator[tuple[int, int]]:
    """Every place outside of classes and escapes, and how many groups are open behind it."""
    depth, inside, escaped = 0, False, False
    for place, char in enumerate(body):
        if escaped or char == "\\":
            escaped = not escaped
        elif inside or char == "[":
            inside = char != "]"
        else:
            depth += (char == "(") - (char == ")")
            yield place, depth


def _alternatives(body: str) -> list[str]:
    """What a body of alternatives offers."""
    cuts = [-1, *(place for place, depth in _outline(body) if not depth and body[place] == "|"), len(body)]
    return [body[start + 1 : end] for start, end in pairwise(cuts)]


def _last_group(branch: str) -> int:
    """Where the group begins that a branch ends with; 0 if it does not, or is nothing else."""
    opens = [place for place, depth in _outline(branch) if depth == 1 and branch[place] == "("]
    closes = [place for place, depth in _outline(branch) if not depth and branch[place] == ")"]
    ends_so = bool(closes) and closes[-1] == len(branch) - 1 and branch.startswith("(?:", opens[-1])
    return opens[-1] if ends_so else 0


def guard_of(expression: str) -> tuple[str, ...] | None:
    r"""The strings of an expression's guard, sorted; None when it has no strong one.

    >>> guard_of(r"\b(?:who|which) (?:\w+ ){0,5}(?:smuggles|smuggled)\b")
    ('smuggled', 'smuggles')
    >>> guard_of(r"\w@\w") is None
    True
    """
    try:
        found = _needed(list(_parser.parse(expression)))
    except (re.error, RecursionError):  # Hyperscan is to say what is wrong with it
        return None
    if found is None or _strength(found) < WEAKEST:
        return None
    return tuple(sorted(found))


def _strength(strings: Strings) -> float:
    """How rare the most frequent of some strings is, roughly: letters in words that are not everyday ones."""
    return min(map(_rarity, strings))


def _rarity(string: str) -> float:
    words = re.findall(r"[^\W_]+", string)
    rare = sum(len(word) * (2 if word > "\u3000" else 1) for word in words if word not in _COMMON)
    return rare + FURTHER * max(0, len(words) - 1) + 0.01 * len(string)


def _better(one: Strings | None, other: Strings | None) -> Strings | None:
    if one is None or other is None:
        return one or other
    return max((one, other), key=lambda strings: (min(_strength(strings), ENOUGH), -len(strings)))


def _needed(nodes: Sequence[Any]) -> Strings | None:
    """Strings of which every match of some nodes in a row holds one; None when nothing is needed."""
    best: Strings | None = None
    run = _EMPTY
    for node in nodes:
        exact = _exact(node)
        joined = None if exact is None else _joined(run, exact)
        if joined is not None:
            run = joined
            continue
        best = _better(best, _ended(run))
        run = exact if exact is not None else _EMPTY
        if exact is None:
            best = _better(best, _inside(node))
    return _better(best, _ended(run))


def _ended(run: Strings) -> Strings | None:
    return None if "" in run else run


def _joined(left: Strings, right: Strings) -> Strings | None:
    if len(left) * len(right) > PRODUCT:
        return None
    return frozenset(one + other for one, other in product(left, right))


def _exact(node: Any) -> Strings | None:
    """All strings that a node can be, if they are few."""
    kind, told = node
    if kind is kinds.LITERAL:
        return frozenset({chr(told)})
    if kind is kinds.AT:
        return _EMPTY
    if kind is kinds.IN:
        return frozenset(chr(code) for _, code in told) if all(one is kinds.LITERAL for one, _ in told) else None
    if kind is kinds.SUBPATTERN:
        return _exact_row(told[3])
    if kind is kinds.BRANCH:
        return _together(map(_exact_row, told[1]))
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT) and told[:2] == (0, 1):
        once = _exact_row(told[2])
        return None if once is None else once | _EMPTY
    return None


def _exact_row(nodes: Iterable[Any]) -> Strings | None:
    run = _EMPTY
    for node in nodes:
        exact = _exact(node)
        joined = None if exact is None else _joined(run, exact)
        if joined is None:
            return None
        run = joined
    return run


def _inside(node: Any) -> Strings | None:
    """What a node needs that can be too many strings."""
    kind, told = node
    if kind is kinds.SUBPATTERN:
        return _needed(list(told[3]))
    if kind is kinds.BRANCH:
        return _together(_needed(list(branch)) for branch in told[1])
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT) and told[0] > 0:
        return _needed(list(told[2]))
    return None


def _together(branches: Iterable[Strings | None]) -> Strings | None:
    found: set[str] = set()
    for strings in branches:
        if strings is None:
            return None
        found |= strings
    return frozenset(found) if len(found) <= PRODUCT else None
