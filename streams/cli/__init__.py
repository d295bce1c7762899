"""The command `streams`. Groups are loaded when they are used, so that `--help` is quick and extras stay optional."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

try:
    import click
except ModuleNotFoundError:  # the SDK alone brings no command line
    sys.exit("streams: the command line needs the pipeline: pip install 'compliance-streams[pipeline]'")

from streams import __version__
from streams.cli.context import CONFIG_KEY
from streams.errors import ComplianceError

__all__ = ["COMMANDS", "cli", "main"]

# Command, and its line in `streams --help`. The module of the same name holds `command`.
COMMANDS: dict[str, str] = {
    "demo": "The whole pipeline on this machine, with made-up traffic, in under a minute.",
    "broker": "An embedded Kafka broker for trying things out (memory only).",
    "vault": "The process that holds private keys.",
    "worker": "Tag events: decode, open, detect, decide, seal, deliver, commit.",
    "janitor": "Make time pass: end keys, purge, check drift.",
    "topics": "Create topics and name every drift.",
    "accounts": "Set, get and list accounts and their storage modes.",
    "send": "Send JSON Lines as events through the SDK.",
    "tail": "Watch violations, tagged events, receipts or dead letters.",
    "score": "Score JSON Lines by category. No Kafka needed.",
    "policy": "Check a policy, and explain a decision.",
    "receipts": "Check that every offset is accounted for.",
    "skip": "Let workers go past a record that cannot be processed.",
    "settings": "The settings in force, and where each comes from.",
    "doctor": "What is wrong with a deployment, and what to do.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"streams.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (TOML); else $STREAMS_CONFIG.")
@click.version_option(__version__, prog_name="streams")
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Usage policy and data retention for language models, as a running Kafka pipeline.

    Try `streams demo` first, or `echo '{"text": "hello"}' | streams score`.
    Exit codes: 0 fine, 1 findings or failure, 2 wrong usage or settings, 3 a dependency is unavailable.
    """
    ctx.meta[CONFIG_KEY] = config


def main() -> NoReturn:
    """Run the command line: one message and an exit code for every error of ours, never a traceback."""
    try:
        result = cli.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away (`streams tail … | head`): nothing is wrong, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ComplianceError as error:
        click.echo(f"streams: {error}", err=True)
        sys.exit(error.exit_code)
