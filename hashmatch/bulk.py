"""A large look-up in several processes: blocks of lines out, answers back in order.

Each process opens the lists through views of its own. It answers only if they are the very lists its parent has pinned,
and hands no block back before its canaries were right after it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Final, NamedTuple

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import QueryError, StoreError
from hashmatch.lookup import Answers, look_up, whole_lines
from hashmatch.store.opening import open_lists
from hashmatch.store.pool import Pool
from hashmatch.store.snapshot import Snapshot

# Bytes. The larger a block, the more of its digests lie side by side in a list; two for each worker are in memory.
_SMALLEST: Final = 1 << 20
_LARGEST: Final = 8 << 20

_DIED: Final = "a worker process of the look-up died; the answers are not complete"


class _Block(NamedTuple):
    """Whole lines, and the number that the first of them has in the text."""

    first_line: int
    lines: bytes


class _Answered(NamedTuple):
    """The answers to a block, up to the line that was refused, if one was."""

    answers: list[Answers]
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
        known, _ = _opened(self.settings, self.snapshot_id, os.getpid())
        answers: list[Answers] = []
        refused: QueryError | None = None
        try:
            for some in look_up((block.lines,), self.algorithm, known, block.first_line):
                answers.append(some)  # noqa: PERF402 - what came before an error stays
        except QueryError as error:
            refused = error
        known.check_canaries()
        return _Answered(answers, refused)


def pool_of(workers: int) -> Pool:
    """Return what starts so many processes when it is entered: before lists are opened, which no copy must hold."""
    return Pool(workers, died=_DIED, forked=True)


def block_for(size: int, workers: int) -> int:
    """Return how many bytes of a text of `size` to give a worker at once, so that all have their last at one time."""
    rounds = max(1, round(size / (workers * _LARGEST)))
    return max(_SMALLEST, min(_LARGEST, -(-size // (workers * rounds))))


def look_up_in_processes(
    pool: Pool, stretches: Iterable[bytes], look_up_block: LookUp
) -> Generator[Answers, None, None]:
    """Yield what `look_up` yields for a text, of which the workers of a pool each answer a stretch at a time.

    Each stretch is given to a process after it was cut at a line's end.

    Raises:
        QueryError: as `look_up` does; the lines before have been answered.
        StoreError: the store cannot answer, a process died, or it found other lists than its parent.
    """
    for answered in pool.map(look_up_block, _blocks(stretches), ahead=1):
        yield from answered.answers
        if answered.refused is not None:
            raise answered.refused


def _blocks(stretches: Iterable[bytes]) -> Iterator[_Block]:
    line = 1
    for lines in whole_lines(stretches):
        yield _Block(line, lines)
        line += lines.count(b"\n")


@functools.cache
def _opened(settings: Settings, snapshot_id: str, _process: int) -> tuple[Snapshot, ExitStack]:
    """Open the lists for as long as the process lives; a pool has no other moment at which its workers end.

    What a forked process finds remembered here is its parent's: it opens its own, and must keep what closes the other.
    """
    opened = ExitStack()
    Finalize(None, opened.close, exitpriority=0)  # a forked worker does not come to what `atexit` was given
    snapshot = opened.enter_context(open_lists(settings))
    if snapshot.snapshot_id != snapshot_id:
        raise StoreError("the active lists changed while the look-up began; ask again")
    return snapshot, opened
