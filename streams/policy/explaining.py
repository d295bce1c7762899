"""Why an event was or was not a violation: each rule with its conditions, what they read, and what came out.

What is explained is what decides: each part is judged by the closure that the compiler makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streams.model import LABELS, Signal, Truth
from streams.policy.bundle import Bundle, Condition, Rule
from streams.policy.meaning import Compiler, describe
from streams.policy.syntax import And, Call, Compare, Expression, Name, Not, Number, Or
from streams.policy.timeline import Timeline
from streams.policy.view import View

__all__ = ["Explanation", "Part", "RuleExplanation", "explain"]

_TRUTHS = {True: Truth.MATCHED, False: Truth.NOT_MATCHED, None: Truth.UNKNOWN}


class Part(NamedTuple):
    """One sub-expression: how deep it stands, its text, what it read (ids and numbers only), and its truth."""

    depth: int
    text: str
    value: str
    truth: bool | None


class RuleExplanation(NamedTuple):
    """One rule and what came of it. `note` says what the parts alone do not show."""

    rule: Rule
    truth: Truth
    when: tuple[Part, ...]
    unless: tuple[Part, ...]
    note: str


class Explanation(NamedTuple):
    """All that was asked about one signal.

    `standings` are those of the obligations; `unknown_uses` are declared, but the policy does not know them.
    """

    bundle: Bundle
    rules: tuple[RuleExplanation, ...]
    standings: tuple[tuple[str, str], ...]
    scores: tuple[tuple[str, int], ...]
    unknown_uses: tuple[str, ...]


def explain(policies: Timeline, signal: Signal, only: str | None = None, everything: bool = False) -> Explanation:
    """Explain one signal: the rule `only`, or all rules of the areas that it touches, or really all.

    An area is touched when one of its rules matched or is unknown, or reads a label that has a score or a use that is
    declared. Raises KeyError for a rule that is not in force.
    """
    segment = policies.segment(signal.source.ingested_at)
    view = View.of(signal, segment.bundle.detectors)
    rules: Sequence[Rule] = (*segment.rules, *segment.rate_rules)
    if only is not None:
        rules = [rule for rule in rules if only in (rule.id, rule.obligation)]
        if not rules:
            raise KeyError(only)
    elif not everything:
        areas = {rule.area for rule in rules if _touches(rule, view)}
        rules = [rule for rule in rules if rule.area in areas]
    shown = {rule.obligation for rule in rules}
    obligations = [one for one in segment.bundle.obligations if one.id in shown]
    return Explanation(
        bundle=segment.bundle,
        rules=tuple(_explained(rule, view, segment.bundle) for rule in rules),
        standings=tuple((one.id, one.standing(view)) for one in obligations),
        scores=tuple((label, score) for label, score in zip(LABELS, signal.scores, strict=True) if score),
        unknown_uses=tuple(sorted(view.uses - segment.bundle.vocabulary.uses.keys())),
    )


def _touches(rule: Rule, view: View) -> bool:
    reads = rule.when.reads
    if any(view.scores[label] for label in reads.labels) or not reads.uses.isdisjoint(view.uses):
        return True
    return rule.truth(view) is not False


def _explained(rule: Rule, view: View, bundle: Bundle) -> RuleExplanation:
    unless = rule.unless
    return RuleExplanation(
        rule=rule,
        truth=_TRUTHS[rule.truth(view)],
        when=tuple(_parts(rule.when, view, bundle)),
        unless=tuple(_parts(unless, view, bundle)) if unless is not None else (),
        note=_note(rule, view),
    )


def _note(rule: Rule, view: View) -> str:
    if rule.rates:
        return "a rate rule: judged from counts over a window, never from one event, so it does not apply here"
    if rule.unless is None or rule.when.judge(view) is False:
        return ""
    excused = rule.unless.judge(view)
    if excused is True:
        return "excused"
    return "the excuse is unknown, and an excuse has to be shown" if excused is None else ""


def _parts(condition: Condition, view: View, bundle: Bundle) -> Iterator[Part]:
    yield from _walk(condition.tree, condition.text, view, bundle, 0)


def _walk(node: Expression, text: str, view: View, bundle: Bundle, depth: int) -> Iterator[Part]:
    truth = Compiler(bundle.vocabulary).compile(node)(view)
    if isinstance(node, And | Or):
        yield Part(depth, "all of" if isinstance(node, And) else "any of", "", truth)
        for part in node.parts:
            yield from _walk(part, text, view, bundle, depth + 1)
    elif isinstance(node, Not):
        yield Part(depth, "not", "", truth)
        yield from _walk(node.inner, text, view, bundle, depth + 1)
    else:
        yield Part(depth, " ".join(text[node.start : node.end].split()), _value(node, view, bundle), truth)


def _value(node: Name | Call | Compare, view: View, bundle: Bundle) -> str:
    if not isinstance(node, Compare):
        return describe(node, view)
    read = describe(node.left, view)
    names = [value for value in node.values if isinstance(value, Name)]
    limits = [f"{name.text} = {bundle.vocabulary.thresholds[name.text]}" for name in names] if _numeric(node) else []
    return ", ".join([read, *limits])


def _numeric(node: Compare) -> bool:
    return isinstance(node.left, Call) and not any(isinstance(value, Number) for value in node.values)
