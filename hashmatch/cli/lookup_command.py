"""`hashmatch lookup`: digests in, one flag a line out, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, TypeVar

import click

from hashmatch.cli import render
from hashmatch.cli.options import ALGORITHM, json_option
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answer, look_up
from hashmatch.matching import Agreement
from hashmatch.store.opening import open_lists
from hashmatch.store.snapshot import PinnedList

_STRETCH: Final = 4 << 20  # bytes; some 120,000 MD5s, enough for neighbours in the store to be asked for together

_Form = TypeVar("_Form")


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
        batches = look_up(_stretches(file), algorithm, snapshot)
        if as_json:
            results = [r for answers in batches for r in _rendered(answers, lambda a: _result(a, snapshot.lists))]
            snapshot.check_canaries()
            render.document({"snapshot": snapshot.snapshot_id, "results": results})
            return
        for answers in batches:
            click.echo("".join(_rendered(answers, lambda a: _line(a, snapshot.lists))), nl=False)
        snapshot.check_canaries()


def _stretches(file: BinaryIO) -> Iterator[bytes]:
    """Yield what there is to read: a whole stretch of a file, or the line that somebody has typed."""
    read = getattr(file, "read1", file.read)
    while stretch := read(_STRETCH):
        yield stretch


def _rendered(answers: Sequence[Answer], form: Callable[[Answer], _Form]) -> list[_Form]:
    """Return the form of each answer; the same object, as most are, takes its form once."""
    forms = {number: form(answer) for number, answer in {id(answer): answer for answer in answers}.items()}
    return [forms[id(answer)] for answer in answers]


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
        return f"{answer.outcome}\n"
    flags = (_flag(agreement, lists) for agreement in answer.agreements)
    said = "\t".join(
        "{type} {list} {release} {strength}".format_map(f) + (f" {f['scheme']}:{f['category']}" if f["scheme"] else "")
        for f in flags
    )
    return f"{answer.outcome}\t{said}\n"
