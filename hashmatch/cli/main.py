"""The `hashmatch` command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from hashmatch import __version__
from hashmatch.cli import exits, render
from hashmatch.cli.commands import Commands
from hashmatch.config import settings_from
from hashmatch.errors import HashmatchError


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from hashmatch.hashing.choice import EngineChoice, describe

        click.echo(f"hashmatch, version {__version__}")
        click.echo(f"engine {describe(EngineChoice.AUTO)}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--store", type=click.Path(path_type=Path), help="Where the lists are [$HASHMATCH_STORE].")
@click.option(
    "--sealing-key",
    type=click.Path(path_type=Path),
    help="The key the lists are sealed with, outside the store [$HASHMATCH_SEALING_KEY].",
)
@click.option(
    "--trail-key",
    type=click.Path(path_type=Path),
    help="The key the audit trail is signed with, outside the store [$HASHMATCH_TRAIL_KEY].",
)
@click.option(
    "--checkpoint-copies",
    type=click.Path(path_type=Path),
    help="A second directory for the trail's checkpoints [$HASHMATCH_CHECKPOINT_COPIES].",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show version and engine.",
)
@click.pass_context
def cli(
    context: click.Context,
    store: Path | None,
    sealing_key: Path | None,
    trail_key: Path | None,
    checkpoint_copies: Path | None,
) -> None:
    """Known-hash matching for forensic triage: digests in, flags out.

    \b
    Exit codes: 0 complete, 3 finished but something was not examined, 2 usage, 10 no active list,
    11 store locked, 12 store damaged, 13 evidence source unusable, 14 audit trail cannot be written,
    15 audit trail damaged, 16 sealing key, 17 store cannot be written, 18 output cannot be written,
    19 tokens or budgets damaged, 20 list format, 21 list not authorised, 22 list expired, 23 list rollback,
    24 duplicate release, 25 list contradicts its declared type, 26 not a digest, 130 interrupted,
    1 anything else.
    """  # noqa: D301
    context.obj = settings_from(os.environ, store, sealing_key, trail_key, checkpoint_copies)


def main() -> NoReturn:
    """Run the command line and exit with the code that its outcome has."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = cli.main(arguments, prog_name="hashmatch", standalone_mode=False)
    except HashmatchError as error:
        return render.failure(error, exits.exit_code(error), as_json="--json" in arguments)
    except click.exceptions.Abort:
        return render.interrupted()
    except click.ClickException as error:
        render.usage_error(error)
        return exits.USAGE
    except KeyboardInterrupt:
        return render.interrupted()
    except BrokenPipeError:
        # Whoever read our output has gone; what Python would flush at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    return code if isinstance(code, int) else exits.COMPLETE
