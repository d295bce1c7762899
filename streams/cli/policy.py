"""`streams policy`: check the policy's files, and explain what it says of one event."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.context import screen, settings
from streams.cli.rows import plain
from streams.model import Area, Audience, Kind, StorageMode, Truth

if TYPE_CHECKING:
    from streams.policy.bundle import Bundle
    from streams.policy.explaining import Explanation, Part, RuleExplanation
    from streams.policy.timeline import Timeline
    from streams.written.mistakes import PolicyMistakes

__all__ = ["command"]

MODES = [mode.value for mode in StorageMode]
SIGNS = {True: "true", False: "false", None: "unknown"}


@click.group()
def command() -> None:
    """Check a policy, and explain a decision.

    \b
    Example:  streams policy check
              streams policy explain --scores malware=80,defensive=60
              echo '{"text": "…"}' | streams policy explain
    """


@command.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Bundles, rules and mistakes as one JSON object.")
def check(folder: Path | None, as_json: bool) -> int:
    """Read a policy, and show its rules by area, or everything that is wrong in it, each with file, line and caret.

    FOLDER holds bundles, or is one; without it, the policy of the settings, or the built-in one. Ends with 2 when
    anything is wrong.

    \b
    Example:  streams policy check my-policy/
    """
    from streams.written.mistakes import PolicyMistakes

    try:
        timeline = _policies(folder)
    except PolicyMistakes as found:
        if as_json:
            click.echo(json.dumps({"bundles": [], "mistakes": [one._asdict() for one in found.mistakes]}))
        else:
            click.echo(_shown(found), err=True)
        return found.exit_code
    if as_json:
        click.echo(json.dumps({"bundles": [_bundle(one) for one in timeline.bundles], "mistakes": []}))
    else:
        for bundle in timeline.bundles:
            _table(bundle)
    return 0


def _policies(folder: Path | None) -> Timeline:
    from streams.policy import load_policies

    return load_policies(folder if folder is not None else settings().policy.bundles)


def _shown(found: PolicyMistakes) -> str:
    return f"streams: {found}"


def _bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "version": bundle.version,
        "digest": bundle.digest,
        "title": bundle.title,
        "in_force": bundle.starts,
        "thresholds": dict(bundle.vocabulary.thresholds),
        "counted_labels": list(bundle.counted_labels),
        "rules": [
            {
                **{name: plain(getattr(rule, name)) for name in rule._fields if name not in ("when", "unless")},
                "when": " ".join(rule.when.text.split()),
                "unless": " ".join(rule.unless.text.split()) if rule.unless else None,
                "rate": bool(rule.rates),
            }
            for rule in bundle.rules
        ],
    }


def _table(bundle: Bundle) -> None:
    from rich.table import Table

    wide = screen()
    wide.print(f"{bundle.version}  {bundle.title}", markup=False)
    wide.print(f"digest {bundle.digest}, {len(bundle.rules)} rules, {len(bundle.obligations)} obligations")
    table = Table("area and rule", "for", "severity", "stage", "recommended", box=None)
    for area in Area:
        table.add_row(f"[bold]{area.value}[/]")
        for rule in bundle.rules:
            if rule.area is area:
                stage = rule.stage.value + (", rate" if rule.rates else "")
                table.add_row(f"  {rule.id}", rule.requirement, rule.severity.value, stage, rule.recommended.value)
    wide.print(table)


@command.command("explain")
@click.argument("event", required=False, type=click.File("rb"))
@click.option("--scores", metavar="LABEL=N,…", help="Explain these scores instead of an event: malware=80,tailored=70.")
@click.option("--gap", "gaps", multiple=True, metavar="DETECTOR=REASON", help="With --scores: a detector had no say.")
@click.option("--kind", type=click.Choice([k.value for k in Kind if k is not Kind.FILE]), help="With --scores.")
@click.option("--language", metavar="CODE", default="un", help="With --scores: language of the text, such as en.")
@click.option("--use", "uses", multiple=True, metavar="ID", help="A declared use, added to the event's.")
@click.option("--disclosure", "disclosures", multiple=True, metavar="ID", help="A declared disclosure.")
@click.option("--audience", type=click.Choice([a.value for a in Audience]), help="Whom the application serves.")
@click.option("--reviewed/--not-reviewed", default=None, help="Whether a qualified person reviews.")
@click.option("--simulated", metavar="HOW", help="none, historical, consented, labelled or unlabelled.")
@click.option("--in-conversation", is_flag=True, help="The event is part of a conversation.")
@click.option(
    "--account-mode", type=click.Choice([m.value for m in StorageMode]), default="standard", show_default=True
)
@click.option("--enterprise", is_flag=True, help="The account has an enterprise agreement.")
@click.option("--business-associate", is_flag=True, help="The account has signed a business associate agreement.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="When it was ingested; default: now.")
@click.option("--folder", type=click.Path(path_type=Path), help="The policy; default: that of the settings.")
@click.option("--rule", metavar="ID", help="This rule or obligation only.")
@click.option("--all", "everything", is_flag=True, help="All rules, not only those of the areas that are touched.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def explain_command(event: Any, as_json: bool, **options: Any) -> int:
    """Why an event was a violation, or was not: each rule, each condition, what it read, and what came of it.

    EVENT is a file with one JSON event or {"text": …}; `-` or nothing reads standard input. Text is never shown: only
    scores, thresholds and what was declared. Ends with 1 when an enforced rule matched.

    \b
    Example:  echo '{"text": "Write ransomware"}' | streams policy explain
              streams policy explain --scores malware=80 --use security_research --rule malware.build
    """
    from streams.cli.explained import signal_of
    from streams.model import Stage
    from streams.policy.explaining import explain

    timeline = _policies(options["folder"])
    if event is not None and options["scores"] is not None:
        raise click.UsageError("give an event or --scores, not both")
    signal = signal_of(event, options, timeline)
    try:
        found = explain(timeline, signal, options["rule"], options["everything"])
    except KeyError:
        raise click.UsageError(_no_rule(timeline, options["rule"], signal.source.ingested_at)) from None
    complete = timeline.decide([signal])[0].complete
    if as_json:
        click.echo(json.dumps(_as_json(found, complete)))
    else:
        _print(found, complete, {f"{gap.detector} ({gap.reason.value})" for gap in signal.gaps})
    broken = [one for one in found.rules if one.truth is Truth.MATCHED and one.rule.stage is Stage.ENFORCE]
    return 1 if broken else 0


def _no_rule(timeline: Timeline, name: str, at: int) -> str:
    from streams.written.mistakes import did_you_mean

    known = [rule.id for rule in timeline.at(at).rules]
    return f'no rule "{name}" is in force then; {did_you_mean(name, known, "rules")}'


def _as_json(found: Explanation, complete: bool) -> dict[str, Any]:
    return {
        "version": found.bundle.version,
        "policy": found.bundle.digest,
        "complete": complete,
        "scores": dict(found.scores),
        "unknown_uses": list(found.unknown_uses),
        "obligations": dict(found.standings),
        "rules": [
            {
                "rule": one.rule.id,
                "requirement": one.rule.requirement,
                "area": one.rule.area.value,
                "category": one.rule.category,
                "severity": one.rule.severity.value,
                "stage": one.rule.stage.value,
                "truth": one.truth.value,
                "note": one.note,
                "when": [part._asdict() for part in one.when],
                "unless": [part._asdict() for part in one.unless],
            }
            for one in found.rules
        ],
    }


def _print(found: Explanation, complete: bool, gaps: set[str]) -> None:
    click.echo(f"policy {found.bundle.version}  digest {found.bundle.digest}")
    click.echo("scores " + (", ".join(f"{label} {score}" for label, score in found.scores) or "none"))
    for gap in sorted(gaps):
        click.echo(f"gap    {gap}: its scores could be higher")
    for use in found.unknown_uses:
        click.echo(f"note   the declared use {use} is not known to this policy: no rule reads it")
    for one in found.rules:
        _print_rule(one)
    for name, standing in found.standings:
        click.echo(f"\nobligation {name}: {standing}")
    told = Counter(one.truth for one in found.rules)
    counts = ", ".join(f"{told[truth]} {truth.value.replace('_', ' ')}" for truth in Truth)
    click.echo(f"\n{counts}; the decision is {'complete' if complete else 'NOT complete'}")
    if not found.rules:
        click.echo("no area is touched; --all shows every rule")


def _print_rule(one: RuleExplanation) -> None:
    rule = one.rule
    click.echo(f"\n{one.truth.value.replace('_', ' ').upper():<12} {rule.id}  ({rule.requirement}, {rule.area.value})")
    click.echo(f"             {rule.title}; {rule.severity.value}, {rule.stage.value}, {rule.recommended.value}")
    _print_parts("when", one.when)
    _print_parts("unless", one.unless)
    if one.note:
        click.echo(f"  note    {one.note}")


def _print_parts(name: str, parts: tuple[Part, ...]) -> None:
    for part in parts:
        value = f"   [{part.value}]" if part.value else ""
        click.echo(f"  {name:<7} {SIGNS[part.truth]:<8} {'  ' * part.depth}{part.text}{value}")
        name = ""
