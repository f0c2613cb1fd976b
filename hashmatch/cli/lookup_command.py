"""`hashmatch lookup`: digests in, one flag a line out, in order."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import BinaryIO, Final

import click

from hashmatch.answers import flag, result
from hashmatch.cli import render
from hashmatch.cli.options import ALGORITHM, json_option
from hashmatch.config import Settings
from hashmatch.custody.opening import recording
from hashmatch.digests import Algorithm
from hashmatch.lookup import Answer, Answers, look_up
from hashmatch.on_record.lookups import recorded
from hashmatch.store.opening import open_lists
from hashmatch.store.snapshot import PinnedList, Snapshot

_STRETCH: Final = 8 << 20  # bytes; some 250,000 MD5s, enough for neighbours in the store to be asked for together

_LARGE: Final = 8 << 20  # bytes; below, starting processes costs about what they save

_Ask = Callable[[Snapshot], Generator[Answers, None, None]]


@click.command()
@click.option("--algorithm", required=True, type=ALGORITHM, help="Which digests these are.")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--case", help="The case it is for, as the audit trail is to say it.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes for a large file [number of cores].")
@json_option
@click.pass_obj
def lookup(
    settings: Settings, algorithm: Algorithm, file: BinaryIO, case: str | None, workers: int | None, as_json: bool
) -> None:
    """Look digests up, one a line from FILE or standard input.

    A line that is no digest ends the look-up with its number; flags of the lines before it have been given.
    """
    with ExitStack() as opened:
        processes = workers or len(os.sched_getaffinity(0))
        size = _size(file)
        if processes > 1 and size >= _LARGE:
            ask = _asking_in_processes(settings, algorithm, file, size, processes, opened)
        else:
            ask = _asking_here(algorithm, file)
        snapshot = opened.enter_context(open_lists(settings))
        recorder = opened.enter_context(recording(settings, case=case))
        asked = opened.enter_context(closing(ask(snapshot)))
        batches = recorded(recorder, asked, algorithm, snapshot.snapshot_id)
        if as_json:
            answered = list(batches)  # four bytes for a digest; nothing is shown before it is known that all are right
            snapshot.check_canaries()
            results = (batch.in_form(lambda a: render.item(result(a, snapshot.lists))) for batch in answered)
            render.long_document({"snapshot": snapshot.snapshot_id}, "results", results)
            return
        for answers in batches:
            click.echo(b"".join(answers.in_form(lambda a: _line(a, snapshot.lists))), nl=False)
        snapshot.check_canaries()


def _asking_here(algorithm: Algorithm, file: BinaryIO) -> _Ask:
    return lambda snapshot: look_up(_stretches(file, _STRETCH), algorithm, snapshot)


def _asking_in_processes(
    settings: Settings, algorithm: Algorithm, file: BinaryIO, size: int, processes: int, opened: ExitStack
) -> _Ask:
    # Loaded here, as what it needs of multiprocessing takes longer to load than few digests take.
    from hashmatch import bulk

    pool = opened.enter_context(bulk.pool_of(processes))
    return lambda snapshot: bulk.look_up_in_processes(
        pool,
        _stretches(file, bulk.block_for(size, processes)),
        bulk.LookUp(settings, snapshot.snapshot_id, algorithm),
    )


def _size(file: BinaryIO) -> int:
    """Return how many bytes of a file are left to read; of a pipe nobody knows, and what is typed must not wait."""
    try:
        status = os.fstat(file.fileno())
        return status.st_size - file.tell() if stat.S_ISREG(status.st_mode) else 0
    except io.UnsupportedOperation:
        return 0


def _stretches(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield what there is to read: a whole stretch of a file, or the line that somebody has typed."""
    read = getattr(file, "read1", file.read)
    while stretch := read(size):
        yield stretch


def _line(answer: Answer, lists: Sequence[PinnedList]) -> bytes:
    if not answer.agreements:
        return f"{answer.outcome}\n".encode()
    flags = (flag(agreement, lists) for agreement in answer.agreements)
    said = "\t".join(
        "{type} {list} {release} {strength}".format_map(f) + (f" {f['scheme']}:{f['category']}" if f["scheme"] else "")
        for f in flags
    )
    return f"{answer.outcome}\t{said}\n".encode()
