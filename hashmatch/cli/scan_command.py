"""`hashmatch scan`: compare a mounted source with the active lists and write the report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from hashmatch.cli import exits, render
from hashmatch.cli.options import engine_option, json_option
from hashmatch.cli.progress import scan_progress
from hashmatch.config import Settings
from hashmatch.custody.opening import recording, trail_places
from hashmatch.digests import Algorithm
from hashmatch.hashing.choice import EngineChoice
from hashmatch.on_record import scans as on_record
from hashmatch.reports.header import CaseFields
from hashmatch.scan.request import ScanRequest
from hashmatch.scan.run import check_places
from hashmatch.store.opening import open_lists

# What is wrong with a place is for the scan to say, with the exit code it has for that.
_PLACE: Final = click.Path(readable=False, path_type=Path)
_EXIT_CODES: Final = {
    "complete": exits.COMPLETE,
    "incomplete": exits.INCOMPLETE,
    "interrupted": exits.INTERRUPTED,
}


def _algorithms(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[Algorithm, ...] | None:
    if value is None:
        return None
    try:
        return tuple(sorted({Algorithm.named(name) for name in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.command()
@click.argument("source", type=_PLACE)
@click.option("--output", required=True, type=_PLACE, help="A new or empty directory; with --resume that of the scan.")
@click.option("--case", help="The case's number.")
@click.option("--exhibit", help="The exhibit's number.")
@click.option("--examiner", help="Who examines.")
@click.option("--legal-authority", help="By what right, as the report is to say it.")
@click.option("--digests", callback=_algorithms, help="Compute only these, e.g. md5,sha1 [all the lists can use].")
@click.option("--workers", type=click.IntRange(1), default=None, help="How many readers [as fits the device].")
@engine_option
@click.option("--allow-writable", metavar="REASON", help="Scan a source that is not read-only; the report says why.")
@click.option("--cross-mounts", is_flag=True, help="Go into file systems that are mounted inside SOURCE.")
@click.option("--max-file-size", type=click.IntRange(0), metavar="BYTES", help="Do not read larger files [no limit].")
@click.option("--first", multiple=True, metavar="PATTERN", help="Read these places or names before all else.")
@click.option("--resume", is_flag=True, help="Go on with a scan that was interrupted, or ended with its process.")
@click.option("--skip-by-size", is_flag=True, help="Do not read files of a size that no entry of any list has.")
@json_option
@click.pass_obj
def scan(
    settings: Settings,
    source: Path,
    output: Path,
    case: str | None,
    exhibit: str | None,
    examiner: str | None,
    legal_authority: str | None,
    digests: tuple[Algorithm, ...] | None,
    workers: int | None,
    engine: str,
    allow_writable: str | None,
    cross_mounts: bool,
    max_file_size: int | None,
    first: tuple[str, ...],
    skip_by_size: bool,
    resume: bool,
    as_json: bool,
) -> int:
    """Hash every file beneath SOURCE once and flag those that are on an active list.

    SOURCE is a directory on which the evidence is mounted read-only, on a read-only device. Nothing is written beneath
    it. OUTPUT receives report.json, flags.jsonl, flags.csv, not_examined.jsonl and excluded.jsonl.
    """
    request = ScanRequest(
        source=source,
        output=output,
        case=CaseFields(case, exhibit, examiner, legal_authority),
        digests=digests,
        workers=workers,
        engine=EngineChoice(engine),
        allow_writable=allow_writable,
        cross_mounts=cross_mounts,
        max_file_size=max_file_size,
        first=first,
        skip_by_size=skip_by_size,
        resume=resume,
        kept_outside=(settings.store, settings.sealing_key, *trail_places(settings)),
    )
    started = datetime.now(UTC)
    check_places(request)
    with (
        open_lists(settings) as snapshot,
        recording(settings, case=case) as recorder,
        scan_progress() as progress,
    ):
        summary = on_record.scan(recorder, request, snapshot, started, _now, progress=progress)
    if as_json:
        click.echo(summary.report.read_bytes(), nl=False)
    else:
        render.scanned_text(summary)
    return _EXIT_CODES[summary.status]


def _now() -> datetime:
    return datetime.now(UTC)
