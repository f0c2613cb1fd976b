"""`hashmatch lists`: import, show, verify, activate, retire."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from hashmatch import lists as use_case
from hashmatch.cli import render
from hashmatch.cli.options import ALGORITHM, json_option
from hashmatch.cli.progress import import_progress
from hashmatch.config import Settings
from hashmatch.custody.opening import recording
from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import ListType
from hashmatch.hashlists.formats import FORMATS
from hashmatch.on_record import lists as on_record


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def lists(context: click.Context, as_json: bool) -> None:
    """Show the hash lists in the store, or change them."""
    if context.invoked_subcommand is None:
        _show(context.obj, as_json)


@lists.command()
@json_option
@click.pass_obj
def show(settings: Settings, as_json: bool) -> None:
    """Show every release of every list, and which is active."""
    _show(settings, as_json)


def _show(settings: Settings, as_json: bool) -> None:
    items = use_case.show(settings)
    if as_json:
        render.document({"lists": render.listed(items)})
    elif items:
        render.listed_text(items)
    else:
        click.echo(f"no lists in {settings.store}; import one with 'hashmatch lists import'")


@lists.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "list_id", required=True, help="The list's name, the same for all its releases.")
@click.option(
    "--type",
    "list_type",
    required=True,
    type=click.Choice([t.value for t in ListType]),
    help="What being listed means. Declared by you, never guessed from the file.",
)
@click.option("--release", required=True, help="This release of the list; unique for the list.")
@click.option("--authority", required=True, help="Who issues the list, and under what authority it is used.")
@click.option("--format", "format_name", default="auto", type=click.Choice(["auto", *FORMATS]), show_default=True)
@click.option("--algorithm", type=ALGORITHM, help="Which digests an unlabelled list holds.")
@click.option("--scheme", help="The scheme that gives category numbers their meaning.")
@click.option("--category", help="The category of every entry, for a list that has none of its own.")
@click.option("--unsigned", is_flag=True, help="Accept a list that nobody has signed; every report will say so.")
@click.option("--no-activate", is_flag=True, help="Build and verify it only; 'lists activate' puts it to use.")
@click.option("--workers", type=click.IntRange(0), default=None, help="Processes to use [number of cores].")
@json_option
@click.pass_obj
def import_command(
    settings: Settings,
    file: Path,
    list_id: str,
    list_type: str,
    release: str,
    authority: str,
    format_name: str,
    algorithm: Algorithm | None,
    scheme: str | None,
    category: str | None,
    unsigned: bool,
    no_activate: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Take a hash list in, whole or not at all, and make it active unless told not to."""
    request = use_case.ImportRequest(
        path=file,
        list_id=list_id,
        list_type=ListType(list_type),
        release=release,
        authority=authority,
        format=format_name,
        algorithm=algorithm,
        scheme=scheme,
        category=category,
        unsigned=unsigned,
        activate=not no_activate,
    )
    with recording(settings) as recorder, import_progress() as progress:
        result = on_record.import_list(
            recorder, settings, request, now=datetime.now(UTC), processes=_processes(workers), progress=progress
        )
    if as_json:
        render.document(render.imported(result))
    else:
        render.imported_text(result)


@lists.command()
@click.argument("list_id", metavar="[ID]", required=False)
@click.option("--workers", type=click.IntRange(0), default=None, help="Processes to use [number of cores].")
@json_option
@click.pass_obj
def verify(settings: Settings, list_id: str | None, workers: int | None, as_json: bool) -> None:
    """Read every record of the active lists, or of every release of one, and compare it with what was sealed."""
    results = use_case.verify(settings, list_id, processes=_processes(workers))
    if as_json:
        render.document({"verified": [render.verified(item) for item in results]})
        return
    for item in results:
        manifest = item.stored.manifest
        click.echo(f"{manifest.list} {manifest.release}: {item.records:,} records read, all as sealed")


@lists.command()
@click.argument("list_id", metavar="ID")
@click.argument("release")
@json_option
@click.pass_obj
def activate(settings: Settings, list_id: str, release: str, as_json: bool) -> None:
    """Make a release that is already in the store the active one of its list."""
    with recording(settings) as recorder:
        stored = on_record.activate(recorder, settings, list_id, release)
    if as_json:
        render.document({"list": list_id, "release": release, "generation": stored.directory.name, "active": True})
    else:
        click.echo(f"{list_id} {release}: active")


@lists.command()
@click.argument("list_id", metavar="ID")
@json_option
@click.pass_obj
def retire(settings: Settings, list_id: str, as_json: bool) -> None:
    """Take a list out of use; its releases stay in the store."""
    with recording(settings) as recorder:
        release = on_record.retire(recorder, settings, list_id)
    if as_json:
        render.document({"list": list_id, "release": release, "active": False})
    else:
        click.echo(f"{list_id} {release}: retired")


def _processes(workers: int | None) -> int:
    return len(os.sched_getaffinity(0)) if workers is None else workers
