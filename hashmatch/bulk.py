"""A large look-up in several processes: blocks of lines out, answers back in order.

Each process opens the lists through views of its own. It answers only if they are the very lists its parent has pinned,
and hands no block back before its canaries were right after it.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, NamedTuple

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import QueryError, StoreError
from hashmatch.lookup import Answer, look_up, whole_lines
from hashmatch.store.opening import open_lists
from hashmatch.store.pool import Pool
from hashmatch.store.snapshot import Snapshot

BLOCK: Final = 1 << 20  # bytes; a tenth of a second of work, so that processes end together and canaries cost little


class _Block(NamedTuple):
    """Whole lines, and the number that the first of them has in the text."""

    first_line: int
    lines: bytes


class _Answered(NamedTuple):
    """The answers to a block, up to the line that was refused, if one was."""

    answers: list[Answer]
    refused: QueryError | None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Answers blocks in a worker process.

    Attributes:
        snapshot_id: of the lists that the parent has pinned.
    """

    settings: Settings
    snapshot_id: str
    algorithm: Algorithm

    def __call__(self, block: _Block) -> _Answered:
        """Answer the lines of a block.

        Raises:
            StoreError: the lists are not those of the parent, or cannot answer.
        """
        known = _opened(self.settings, self.snapshot_id)
        answers: list[Answer] = []
        refused: QueryError | None = None
        try:
            for some in look_up((block.lines,), self.algorithm, known, block.first_line):
                answers += some
        except QueryError as error:
            refused = error
        known.check_canaries()
        return _Answered(answers, refused)


def look_up_in_processes(
    stretches: Iterable[bytes], look_up_block: LookUp, workers: int
) -> Generator[list[Answer], None, None]:
    """Yield what `look_up` yields for a text, of which `workers` processes each answer a stretch at a time.

    Some stretches a worker are held in memory at once; each is given to a process after it was cut at a line's end.

    Raises:
        QueryError: as `look_up` does; the lines before have been answered.
        StoreError: the store cannot answer, a process died, or it found other lists than its parent.
    """
    with Pool(workers, died="a worker process of the look-up died; the answers are not complete") as pool:
        for answered in pool.map(look_up_block, _blocks(stretches)):
            yield answered.answers
            if answered.refused is not None:
                raise answered.refused


def _blocks(stretches: Iterable[bytes]) -> Iterator[_Block]:
    line = 1
    for lines in whole_lines(stretches):
        yield _Block(line, lines)
        line += lines.count(b"\n")


@functools.cache
def _opened(settings: Settings, snapshot_id: str) -> Snapshot:
    """Open the lists for as long as the process lives; a pool has no other moment at which its workers end."""
    opened = ExitStack()
    atexit.register(opened.close)
    snapshot = opened.enter_context(open_lists(settings))
    if snapshot.snapshot_id != snapshot_id:
        raise StoreError("the active lists changed while the look-up began; ask again")
    return snapshot
