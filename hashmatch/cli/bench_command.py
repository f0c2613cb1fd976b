"""`hashmatch bench`: measure this machine beside the tools that labs use."""

from __future__ import annotations

import contextlib
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from hashmatch.cli import exits, render
from hashmatch.cli.options import json_option

_PLACE: Final = click.Path(readable=False, path_type=Path)


@click.command()
@click.option(
    "--only", metavar="PARTS", help="Some of hashing,scan,import,lookup,growth, or one benchmark by its key [all]."
)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Runs of each program.")
@click.option(
    "--scale",
    type=click.FloatRange(0, 10, min_open=True),
    default=1.0,
    show_default=True,
    help="Size of corpora and lists; 0.05 takes minutes instead of the better part of an hour.",
)
@click.option("--big", is_flag=True, help="Growth to a million files and 50 million entries as well.")
@click.option(
    "--place",
    type=_PLACE,
    default=Path("/var/tmp"),  # noqa: S108 - on a disk, unlike /tmp; names in it are made by mkdtemp
    show_default=True,
    help="Where corpora are made; on the disk to measure.",
)
@click.option("--keep-corpora", is_flag=True, help="Leave the corpora at the place; the next run finds them there.")
@click.option("--output", type=_PLACE, help="A new or empty directory [./hashmatch-bench-DATE-MACHINE].")
@click.option("--into", type=_PLACE, help="Instead of --output: a directory that gets a new one, DATE-MACHINE.")
@json_option
def bench(
    only: str | None,
    runs: int,
    scale: float,
    big: bool,
    place: Path,
    keep_corpora: bool,
    output: Path | None,
    into: Path | None,
    as_json: bool,
) -> int:
    """Measure hashmatch beside hashdeep, md5deep, rhash, md5sum, hfind and others that are installed.

    Everything measured is made up for it. The folder of results holds nothing that names you, your machine or its
    network, and can be sent to others.
    """
    # Half a second of imports that no other command pays.
    from hashmatch.bench.run import Request, folder_name, run
    from hashmatch.bench.summary import markdown

    if output is not None and into is not None:
        raise click.UsageError("--output and --into exclude each other")
    now = datetime.now(UTC)
    name = folder_name(now)
    chosen = output or _unused(into / name if into else Path(f"hashmatch-bench-{name}"))
    request = Request(chosen, place, only, runs, scale, big, keep_corpora)
    # A terminated benchmark must not leave gigabytes behind: the corpora are removed as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    summary = run(request, now, _say)
    if as_json:
        render.document(
            {
                "folder": str(chosen),
                "complete": summary.complete,
                "machine": summary.machine,
                "benchmarks": summary.tables,
                "targets": summary.targets,
                "failed": summary.failed,
                "left_out": summary.left_out,
            }
        )
    else:
        click.echo(markdown(summary))
        click.echo(f"results in {chosen}")
    return exits.COMPLETE if summary.complete else exits.INCOMPLETE


def _say(line: str) -> None:
    # Whoever watched may have gone; the figures are still wanted.
    with contextlib.suppress(BrokenPipeError):
        click.echo(line, err=True)


def _unused(path: Path) -> Path:
    """Return the path, or with the first number that is not taken: a machine is measured more than once a day."""
    candidates = (path, *(path.with_name(f"{path.name}-{n}") for n in range(2, 1000)))
    return next(candidate for candidate in candidates if not candidate.exists())
