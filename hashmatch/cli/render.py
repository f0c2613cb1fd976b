"""What people and machines are shown. Results go to stdout, all else to stderr."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click
import orjson

from hashmatch.cli import exits
from hashmatch.errors import HashmatchError
from hashmatch.evidence.mounts import readable
from hashmatch.outcomes import Outcome

if TYPE_CHECKING:  # what each command shows is its own; a command must not wait for the others' to be loaded
    from hashmatch.lists import Imported, Listed, Verified
    from hashmatch.scan.request import ScanSummary

_DIGEST_LIKE: Final = re.compile(r"[0-9A-Fa-f]{32,}")


_FORM: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


def document(value: object) -> None:
    """Print the one JSON document of a command."""
    click.echo(orjson.dumps(value, option=_FORM).decode())


def item(value: object) -> bytes:
    """Return what `long_document` takes: a value as it stands in a list of a document."""
    return orjson.dumps(value, option=_FORM).replace(b"\n", b"\n    ")


def long_document(fields: dict[str, object], name: str, batches: Iterable[Iterable[bytes]]) -> None:
    """Print what `document` prints of the fields and a list called `name`, whose items come in batches."""
    # No string holds a bare line break in JSON, so this stands nowhere else.
    head, _, tail = orjson.dumps({**fields, name: [0]}, option=_FORM).partition(b"\n    0\n  ]")
    click.echo(head, nl=False)
    between = b"\n    "
    for piece in filter(None, map(b",\n    ".join, batches)):
        click.echo(between + piece, nl=False)
        between = b",\n    "
    click.echo((b"]" if between == b"\n    " else b"\n  ]") + tail)


def failure(error: HashmatchError, code: int, *, as_json: bool) -> int:
    """Say what went wrong, on one line whatever names stand in it, and return `code`."""
    message = _presentable(str(error))
    click.echo(f"hashmatch: {message}", err=True)
    if as_json:
        document({"error": {"code": error.code, "message": message, "exit": code}})
    return code


def usage_error(error: click.ClickException) -> None:
    """Say what is wrong with the call."""
    said = io.StringIO()
    error.show(said)
    for line in said.getvalue().splitlines():
        click.echo(_presentable(line), err=True)


def _presentable(line: str) -> str:
    """Return a line that may repeat what a person typed: no control characters, and no digest."""
    return _DIGEST_LIKE.sub("[digest]", readable(os.fsencode(line)))


def interrupted() -> int:
    """Say that the person stopped it."""
    click.echo("hashmatch: interrupted", err=True)
    return exits.INTERRUPTED


def imported(result: Imported) -> dict[str, object]:
    """Return what an import did, for machines."""
    manifest = result.stored.manifest
    return {
        "list": manifest.list,
        "release": manifest.release,
        "type": manifest.type,
        "format": manifest.source_format,
        "signature": manifest.signature,
        "entries": manifest.entries,
        "duplicates": manifest.duplicates,
        "digests": manifest.digests,
        "quarantined": manifest.quarantined,
        "quarantine_file": str(result.stored.directory / "quarantine.jsonl"),
        "dropped": manifest.dropped,
        "notes": manifest.notes,
        "contradictions": [
            {"list": c.list, "release": c.release, "type": c.type, "digests": c.digests}
            for c in manifest.contradictions
        ],
        "generation": result.stored.directory.name,
        "content_root": manifest.content_root,
        "active": result.active,
        "replaced": result.replaced,
    }


def imported_text(result: Imported) -> None:
    """Tell a person what an import did and what to look at."""
    manifest = result.stored.manifest
    digests = ", ".join(f"{count:,} {label}" for label, count in manifest.digests.items())
    state = "active" if result.active else "not active"
    click.echo(
        f"{manifest.list} {manifest.release}: {manifest.entries:,} entries ({digests}), {manifest.type}, {state}"
    )
    click.echo(f"  read as {manifest.source_format}; sealed and read back, content root {manifest.content_root[:16]}")
    if result.replaced is not None:
        click.echo(f"  takes the place of release {result.replaced}")
    if manifest.duplicates:
        click.echo(f"  {manifest.duplicates:,} entries say again what an earlier one says")
    for reason, count in manifest.quarantined.items():
        click.echo(f"  {count:,} digests held back: {reason}; see {result.stored.directory / 'quarantine.jsonl'}")
    for name, count in manifest.dropped.items():
        click.echo(f"  {count:,} x {name} not stored")
    for name, count in manifest.notes.items():
        click.echo(f"  note: {name}: {count:,}")
    for c in manifest.contradictions:
        click.echo(f"  CONTRADICTION: {c.digests:,} digests also stand in {c.type} list {c.list} {c.release}")
    if manifest.signature == "unsigned":
        click.echo("  UNSIGNED: nobody vouches for this list; every report made with it says so")


def listed(items: list[Listed]) -> list[dict[str, object]]:
    """Return the store's lists, for machines."""
    return [
        {
            "list": item.stored.manifest.list,
            "release": item.stored.manifest.release,
            "active": item.active,
            "type": item.stored.manifest.type,
            "authority": item.stored.manifest.authority,
            "signature": item.stored.manifest.signature,
            "entries": item.stored.manifest.entries,
            "digests": item.stored.manifest.digests,
            "imported": item.stored.manifest.imported,
            "generation": item.stored.directory.name,
            "content_root": item.stored.manifest.content_root,
        }
        for item in items
    ]


def listed_text(items: list[Listed]) -> None:
    """Show a person the store's lists as a table."""
    rows = [
        (
            item.stored.manifest.list,
            item.stored.manifest.release,
            item.stored.manifest.type,
            "active" if item.active else "-",
            f"{item.stored.manifest.entries:,}",
            " ".join(item.stored.manifest.digests),
            item.stored.manifest.signature,
        )
        for item in items
    ]
    table(("LIST", "RELEASE", "TYPE", "STATE", "ENTRIES", "DIGESTS", "SIGNATURE"), rows, numbers=("ENTRIES",))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """Show rows beneath their columns' names; columns of `numbers` end at the right."""
    from rich.console import Console  # a fifth of a second that a scan does not pay
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(shown)


def verified(item: Verified) -> dict[str, object]:
    """Return what a verification found, for machines."""
    manifest = item.stored.manifest
    return {
        "list": manifest.list,
        "release": manifest.release,
        "records": item.records,
        "content_root": manifest.content_root,
        "verified": True,
    }


def scanned_text(summary: ScanSummary) -> None:
    """Tell a person what a scan found, what it could not examine, and where the report lies."""
    counts = summary.listed.counts
    click.echo(f"{summary.status.upper()}: {counts.seen:,} entries seen, {summary.reading.bytes_read:,} bytes read")
    for outcome in Outcome:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.reasons_of(outcome).items())
        click.echo(f"  {outcome.value:<13}{counts.outcomes[outcome]:>12,}" + (f"   ({reasons})" if reasons else ""))
    if summary.header.options["skip_by_size"]:
        skipped, octets = summary.reading.no_match_by_size, summary.reading.bytes_not_read
        click.echo(f"  {skipped:,} of no_match by their size alone: {octets:,} bytes not read")
    for (list_id, release, strength), count in sorted(counts.by_list.items()):
        click.echo(f"  {count:>12,}  {strength:<10} {list_id} {release}")
    if summary.header.first_flag_seconds is not None:
        click.echo(f"  first flag after {summary.header.first_flag_seconds:,.1f} s")
    for warning in orjson.loads(summary.report.read_bytes())["warnings"]:
        click.echo(f"  note: {warning}")
    click.echo(f"  result digest {summary.listed.result_digest}")
    click.echo(f"  report        {readable(os.fsencode(summary.report))}")
