"""`streams accounts`: what was agreed with a customer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streams.cli.context import screen, settings
from streams.cli.rows import moment, plain
from streams.model import Account, AccountState, StorageMode

if TYPE_CHECKING:
    from streams.lifecycle.accounts import Change, Written

__all__ = ["command"]

MODES = [mode.value for mode in StorageMode]


@click.group()
def command() -> None:
    """Accounts: storage modes, declared uses, disclosures, opt-ins.

    \b
    Example:  streams accounts set acme --mode standard --use legal --reviewed
              streams accounts set acme --mode no_storage
              streams accounts list
    """


@command.command("set")
@click.argument("account")
@click.option("--mode", type=click.Choice(MODES), help="What is written of its content; needed for a new account.")
@click.option(
    "--application-mode",
    "application_modes",
    multiple=True,
    metavar="APP=MODE",
    help="The mode of one application; the more protective of it and the account's wins. APP=inherit takes it out.",
)
@click.option("--use", "uses", multiple=True, metavar="ID", help="Declared use. All given replace all that were.")
@click.option("--no-uses", is_flag=True, help="No declared use any more.")
@click.option("--disclosure", "disclosures", multiple=True, metavar="ID", help="Disclosure it shows. All replace all.")
@click.option("--no-disclosures", is_flag=True, help="No disclosure any more.")
@click.option("--reviewed/--not-reviewed", default=None, help="Whether a qualified person reviews what is given out.")
@click.option("--region", metavar="ID", help="Where its data must stay; events are refused elsewhere.")
@click.option("--training-opt-in/--no-training-opt-in", default=None, help="Whether its data may be trained on.")
@click.option("--enterprise/--no-enterprise", default=None, help="Whether it has an enterprise agreement.")
@click.option("--business-associate/--no-business-associate", default=None, help="A signed BAA (HIPAA).")
@click.option("--application-class", metavar="ID", help="`api`, or `consumer_service` (another data policy).")
@click.option("--close/--open", "close", default=None, help="Refuse its events, or take them again.")
@click.option("--json", "as_json", is_flag=True, help="The account as one JSON object.")
def set_account(account: str, as_json: bool, **options: Any) -> None:
    """Change an account, or make it. Workers follow within seconds.

    What is not named stays as it is. Away from `standard` (or closed), the account's public key leaves its record:
    nothing more can be stored of it. What is stored stays sealed until its day's key ends.

    \b
    Example:  streams accounts set acme --mode standard --application-mode clinic=no_storage --enterprise
    """
    from streams.lifecycle.accounts import open_registry, refuse

    change = _change(options)
    refuse(account, change)
    chosen = settings()
    with open_registry(chosen) as registry:
        written = registry.set(account, change)
    if written.account.region not in (None, chosen.region):
        click.echo(
            f"streams: --region: this cell stores in {chosen.region}, so events of {account} will be refused here",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({**plain(written.account), "changed": written.changed, "overtaken": written.overtaken}))
    else:
        click.echo(_said(written))


@command.command("get")
@click.argument("account")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def get_account(account: str, as_json: bool) -> int:
    """Show an account. Ends with 1 when nobody has set it, and says what is then done with its events.

    \b
    Example:  streams accounts get acme --json | jq .mode
    """
    from streams.lifecycle.accounts import open_registry

    chosen = settings()
    with open_registry(chosen) as registry:
        found = registry.get(account)
    if found is None:
        mode = chosen.storage.default_mode.value
        if as_json:
            click.echo(json.dumps({"account": account, "known": False, "mode": mode}))
        else:
            click.echo(f"{account} is not known: its events are treated as {mode} (storage.default_mode)")
        return 1
    if as_json:
        click.echo(json.dumps({**plain(found), "known": True}))
        return 0
    for name, value in _shown(found):
        click.echo(f"{name:<19} {value}")
    return 0


@command.command("list")
@click.option("--mode", type=click.Choice(MODES), help="Only accounts of this mode.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one account each.")
def list_accounts(mode: str | None, as_json: bool) -> int:
    """List accounts, as a table or as JSON Lines. Ends with 1 when the record of one cannot be read.

    \b
    Example:  streams accounts list --mode no_storage
    """
    from streams.lifecycle.accounts import open_registry

    with open_registry(settings()) as registry:
        found = [one for one in registry.all() if mode is None or one.mode.value == mode]
        unreadable = registry.unreadable
    if as_json:
        for one in found:
            click.echo(json.dumps(plain(one)))
    else:
        _table(found)
    for name in unreadable:
        click.echo(f"streams: account {name}: its newest record cannot be read; set it again", err=True)
    return 1 if unreadable else 0


def _table(accounts: list[Account]) -> None:
    from rich.table import Table

    table = Table("account", "version", "state", "mode", "applications", "uses", "key", "changed", box=None)
    for one in accounts:
        mode = f"[bold]{one.mode.value}[/]" if one.mode is not StorageMode.STANDARD else one.mode.value
        apps = " ".join(f"{app}={their.value}" for app, their in one.application_modes)
        table.add_row(
            one.account,
            str(one.version),
            one.state.value,
            mode,
            apps or "–",
            " ".join(one.uses) or "–",
            one.key_id or "–",
            moment(one.updated_at),
        )
    console = screen()
    console.print(table)
    console.print(f"{len(accounts)} accounts")


def _shown(one: Account) -> list[tuple[str, str]]:
    named: dict[str, Any] = plain(one)
    named["updated_at"] = moment(one.updated_at)
    named["application_modes"] = ", ".join(f"{app}={mode.value}" for app, mode in one.application_modes)
    del named["public_key"]
    return [(name, _value(value)) for name, value in named.items()]


def _value(value: Any) -> str:
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _said(written: Written) -> str:
    one = written.account
    if not written.changed:
        return f"{one.account}: all of this was so already (version {one.version}); nothing was written"
    what = "content is stored, sealed" if one.key_id else "no content is stored"
    text = f"{one.account}: version {one.version}, {one.state.value}, {one.mode.value} ({what})"
    if written.overtaken:
        text += f"\nanother change landed right after this one: see streams accounts get {one.account}"
    return text


def _change(options: dict[str, Any]) -> Change:
    from streams.lifecycle.accounts import Change

    close = options["close"]
    return Change(
        mode=StorageMode(options["mode"]) if options["mode"] else None,
        state=None if close is None else (AccountState.CLOSED if close else AccountState.OPEN),
        region=options["region"],
        application_modes=_application_modes(options["application_modes"]),
        uses=_several("--use", options["uses"], options["no_uses"]),
        disclosures=_several("--disclosure", options["disclosures"], options["no_disclosures"]),
        reviewed=options["reviewed"],
        training_opt_in=options["training_opt_in"],
        enterprise=options["enterprise"],
        business_associate=options["business_associate"],
        application_class=options["application_class"],
    )


def _several(argument: str, given: tuple[str, ...], none: bool) -> tuple[str, ...] | None:
    if given and none:
        raise click.UsageError(f"{argument} and --no-{argument[2:]}s contradict each other")
    return given if given else (() if none else None)


def _application_modes(given: tuple[str, ...]) -> dict[str, StorageMode | None] | None:
    modes: dict[str, StorageMode | None] = {}
    for one in given:
        app, equals, mode = one.partition("=")
        if not equals or mode not in (*MODES, "inherit"):
            raise click.UsageError(f"--application-mode {one}: want APP=MODE, MODE one of {', '.join(MODES)}, inherit")
        modes[app] = None if mode == "inherit" else StorageMode(mode)
    return modes or None
