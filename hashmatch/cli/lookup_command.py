"""`hashmatch lookup`: digests in, one flag a line out, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import click

from hashmatch.cli import render
from hashmatch.cli.options import ALGORITHM, json_option
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answer, look_up
from hashmatch.matching import Agreement
from hashmatch.store.opening import open_lists
from hashmatch.store.snapshot import PinnedList


@click.command()
@click.option("--algorithm", required=True, type=ALGORITHM, help="Which digests these are.")
@click.argument("file", type=click.File("rb"), default="-")
@json_option
@click.pass_obj
def lookup(settings: Settings, algorithm: Algorithm, file: BinaryIO, as_json: bool) -> None:
    """Look digests up, one a line from FILE or standard input.

    A line that is no digest ends the look-up with its number; flags of the lines before it have been given.
    """
    with open_lists(settings) as snapshot:
        answers = look_up(file, algorithm, snapshot)
        if as_json:
            results = [_result(answer, snapshot.lists) for answer in answers]
            snapshot.check_canaries()
            render.document({"snapshot": snapshot.snapshot_id, "results": results})
            return
        for answer in answers:
            click.echo(_line(answer, snapshot.lists))
        snapshot.check_canaries()


def _result(answer: Answer, lists: Sequence[PinnedList]) -> dict[str, object]:
    return {"outcome": answer.outcome, "flags": [_flag(a, lists) for a in answer.agreements]}


def _flag(agreement: Agreement, lists: Sequence[PinnedList]) -> dict[str, object]:
    pinned = lists[agreement.list_number]
    category = pinned.categories[agreement.category]
    return {
        "list": pinned.list_id,
        "release": pinned.release,
        "type": pinned.list_type,
        "scheme": None if category is None else category.scheme,
        "category": None if category is None else category.name,
        "strength": agreement.strength,
    }


def _line(answer: Answer, lists: Sequence[PinnedList]) -> str:
    if not answer.agreements:
        return str(answer.outcome)
    flags = (_flag(agreement, lists) for agreement in answer.agreements)
    return f"{answer.outcome}\t" + "\t".join(
        "{type} {list} {release} {strength}".format_map(f) + (f" {f['scheme']}:{f['category']}" if f["scheme"] else "")
        for f in flags
    )
