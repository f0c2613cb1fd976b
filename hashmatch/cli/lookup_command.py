"""`hashmatch lookup`: digests in, one flag a line out, in order."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final, TypeVar

import click

from hashmatch.cli import render
from hashmatch.cli.options import ALGORITHM, json_option
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answer, look_up
from hashmatch.matching import Agreement
from hashmatch.store.opening import open_lists
from hashmatch.store.snapshot import PinnedList, Snapshot

_STRETCH: Final = 4 << 20  # bytes; some 120,000 MD5s, enough for neighbours in the store to be asked for together

_LARGE: Final = 8 << 20  # bytes; below, starting processes costs about what they save

_Form = TypeVar("_Form")


@click.command()
@click.option("--algorithm", required=True, type=ALGORITHM, help="Which digests these are.")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes for a large file [number of cores].")
@json_option
@click.pass_obj
def lookup(settings: Settings, algorithm: Algorithm, file: BinaryIO, workers: int | None, as_json: bool) -> None:
    """Look digests up, one a line from FILE or standard input.

    A line that is no digest ends the look-up with its number; flags of the lines before it have been given.
    """
    with (
        open_lists(settings) as snapshot,
        closing(_batches(settings, snapshot, algorithm, file, workers or len(os.sched_getaffinity(0)))) as batches,
    ):
        if as_json:
            results = [r for answers in batches for r in _rendered(answers, lambda a: _result(a, snapshot.lists))]
            snapshot.check_canaries()
            render.document({"snapshot": snapshot.snapshot_id, "results": results})
            return
        for answers in batches:
            click.echo("".join(_rendered(answers, lambda a: _line(a, snapshot.lists))), nl=False)
        snapshot.check_canaries()


def _batches(
    settings: Settings, snapshot: Snapshot, algorithm: Algorithm, file: BinaryIO, workers: int
) -> Generator[list[Answer], None, None]:
    if workers == 1 or not _is_large(file):
        return look_up(_stretches(file, _STRETCH), algorithm, snapshot)
    # Loaded here, as what it needs of multiprocessing takes longer to load than few digests take.
    from hashmatch.bulk import BLOCK, LookUp, look_up_in_processes

    ask = LookUp(settings, snapshot.snapshot_id, algorithm)
    return look_up_in_processes(_stretches(file, BLOCK), ask, workers)


def _is_large(file: BinaryIO) -> bool:
    """Tell whether this is a file with enough to read; of a pipe nobody knows, and what is typed must not wait."""
    try:
        status = os.fstat(file.fileno())
        return stat.S_ISREG(status.st_mode) and status.st_size - file.tell() >= _LARGE
    except io.UnsupportedOperation:
        return False


def _stretches(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield what there is to read: a whole stretch of a file, or the line that somebody has typed."""
    read = getattr(file, "read1", file.read)
    while stretch := read(size):
        yield stretch


def _rendered(answers: Sequence[Answer], form: Callable[[Answer], _Form]) -> list[_Form]:
    """Return the form of each answer; the same object, as most are, takes its form once."""
    numbers = list(map(id, answers))
    forms = {number: form(answer) for number, answer in dict(zip(numbers, answers, strict=True)).items()}
    return list(map(forms.__getitem__, numbers))


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
