"""`hashmatch audit`: verify the trail, or show what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from hashmatch.cli import exits, render
from hashmatch.cli.options import json_option
from hashmatch.config import Settings
from hashmatch.custody.claims import read_public_keys
from hashmatch.custody.events import Action
from hashmatch.custody.opening import open_trail, trail_directory, trail_key
from hashmatch.custody.record import Record
from hashmatch.custody.recorder import LOCAL_ROLE, local_actor
from hashmatch.custody.show import Filter, chosen
from hashmatch.custody.signing import public_path
from hashmatch.custody.verdict import Finding, Status, Verdict
from hashmatch.custody.verify import verify as verify_trail

_FILE: Final = click.Path(readable=False, path_type=Path)
_EXIT_CODES: Final = {Status.SOUND: exits.COMPLETE, Status.TORN: exits.INCOMPLETE, Status.DAMAGED: exits.AUDIT_DAMAGED}


@click.group()
def audit() -> None:
    """Look at the audit trail of the store."""


@audit.command()
@click.option("--checkpoint", "checkpoints", multiple=True, type=_FILE, help="Checkpoints that were kept elsewhere.")
@click.option("--public-key", "keys", multiple=True, type=_FILE, help="Keys to trust [the file beside the trail key].")
@click.option("--trail", type=_FILE, help="The directory of a trail [the store's].")
@json_option
@click.pass_obj
def verify(
    settings: Settings, checkpoints: tuple[Path, ...], keys: tuple[Path, ...], trail: Path | None, as_json: bool
) -> int:
    """Read every record, and hold the trail to every checkpoint that was signed over it.

    A trail whose end was cut off together with its last checkpoints looks whole from the inside. Only a checkpoint that
    was kept elsewhere shows it.
    """
    trusted = read_public_keys(keys or [public_path(trail_key(settings))])
    directory = trail or trail_directory(settings)
    verdict = verify_trail(directory, trusted, checkpoints)
    if as_json:
        render.document(_document(verdict))
    else:
        _text(verdict)
    return _EXIT_CODES[verdict.status]


@audit.command()
@click.option("--action", type=click.Choice([action.value for action in Action]), help="What was done.")
@click.option("--case", help="For which case.")
@click.option("--actor", help="By whom.")
@click.option("--since", type=click.DateTime(), help="From then on; UTC.")
@click.option("--until", type=click.DateTime(), help="Before then; UTC.")
@json_option
@click.pass_obj
def show(
    settings: Settings,
    action: str | None,
    case: str | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Show the records of the trail that all conditions apply to, the earliest first."""
    asked = Filter(None if action is None else Action(action), case, actor, _utc(since), _utc(until))
    found = chosen(trail_directory(settings), asked)
    for part in _json(found) if as_json else (_line(record) for _, record in found):
        click.echo(part, nl=False)


@audit.command("new-key")
@json_option
@click.pass_obj
def new_key(settings: Settings, as_json: bool) -> None:
    """Sign the trail with a new key from now on.

    The old key signs that the new one follows it, and is gone then. Whoever knows the old public key can verify what
    comes after; the new one is added to the file beside the key.
    """
    with open_trail(settings) as trail:
        key = str(trail.change_key(local_actor(), LOCAL_ROLE))
    if as_json:
        render.document({"public_key": key, "file": str(public_path(trail_key(settings)))})
    else:
        click.echo(key)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _json(found: Iterator[tuple[bytes, Record]]) -> Iterator[str]:
    """Yield one document in pieces: a trail need not fit into memory, and its lines are JSON already."""
    before = '{"records":[\n'
    for line, _ in found:
        yield before + line.decode()
        before = ",\n"
    yield ('{"records":[' if before.startswith("{") else "\n") + "]}\n"


def _line(record: Record) -> str:
    moment = datetime.fromtimestamp(record.t / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    said = [str(record.seq), f"{moment}Z", record.actor, record.role, record.action, record.outcome]
    said += [f"case={record.case}"] if record.case else []
    said += [record.subject] if record.subject else []
    said += [f"reason={record.reason}"] if record.reason else []
    said += [f"{name}={count}" for name, count in sorted(record.counts.items())]
    return "\t".join(said) + "\n"


def _document(verdict: Verdict) -> dict[str, object]:
    return {
        "status": verdict.status,
        "trail": verdict.origin,
        "records": verdict.records,
        "bytes": verdict.octets,
        "torn_bytes": verdict.torn,
        "checkpoints": verdict.checkpoints,
        "covered": verdict.covered,
        "findings": [_finding(finding) for finding in verdict.findings],
        "warnings": [_finding(finding) for finding in verdict.warnings],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {"what": finding.what, "line": finding.line, "offset": finding.offset}


def _text(verdict: Verdict) -> None:
    click.echo(f"{verdict.status}: {verdict.records:,} records of {verdict.origin or 'a trail without a name'}")
    click.echo(f"  {verdict.checkpoints:,} checkpoints agree; the last covers {verdict.covered:,} records")
    if verdict.torn:
        click.echo(f"  {verdict.torn:,} bytes at the end were cut short, as by a crash")
    for word, findings in (("wrong", verdict.findings), ("note", verdict.warnings)):
        for finding in findings:
            where = "" if finding.line is None else f"line {finding.line}, byte {finding.offset}: "
            click.echo(f"  {word}: {where}{finding.what}")
