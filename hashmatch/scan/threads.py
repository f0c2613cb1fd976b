"""Reading evidence through an engine that has threads of its own: batches in, results out, in this process."""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from hashmatch.evidence.queue import EvidenceQueue
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import FileResult, ReadRules
from hashmatch.scan.batch import DRAIN, NOTHING_YET, POLL, Answer, Batch

_FILES_AHEAD: Final = 4096  # given to the engine and not answered
_BATCHES_AHEAD: Final = 128  # the engine holds a descriptor for each
_WANTED: Final = 512  # files worth waking up for
_DESCRIPTORS: Final = 4096  # the engine has at most some hundred open, and shells often allow no more than 1024


class EngineThreads:
    """Does as `WorkerPool` does, without processes. Used by one thread, as a context."""

    def __init__(self, queue: EvidenceQueue, rules: dict[bool, ReadRules]) -> None:
        """Take over an open queue; `rules` are those for batches whose links are to be deferred, or are not."""
        self._queue = queue
        self._rules = rules
        self._owners = itertools.count()
        self._under_way: dict[int, tuple[Batch, int]] = {}
        self._files = 0
        _allow_descriptors()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._queue.close()

    def engine(self) -> str:
        """Return the description of the engine."""
        return self._queue.description

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far, of files that are still being read too."""
        return self._queue.bytes_read

    def examine(self, batches: Iterator[Batch], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Yield each batch, or a part of one, with its results, as they come.

        Once `stopped`, no further batch is queued, and what is under way is waited for briefly.

        Raises:
            OSError: this process ran out of descriptors or memory.
        """
        deadline: float | None = None
        while True:
            if deadline is None and stopped():
                deadline = time.monotonic() + DRAIN
            walking = deadline is None and self._fill(batches)
            if not (walking or self._under_way) or (deadline is not None and time.monotonic() >= deadline):
                return
            for owner, asked, results in self._queue.take(_WANTED, 0.0 if walking else POLL):
                yield self._answered(owner, asked, results), results

    def _fill(self, batches: Iterator[Batch]) -> bool:
        """Queue batches while there is room; tell whether the walk only paused, so that it can go on at once."""
        while self._files < _FILES_AHEAD and len(self._under_way) < _BATCHES_AHEAD:
            batch = next(batches, None)
            if batch is None:
                return False
            if batch is NOTHING_YET:
                return True
            self._submit(batch)
        return False

    def _submit(self, batch: Batch) -> None:
        owner = next(self._owners)
        self._under_way[owner] = (batch, len(batch.names))
        self._files += len(batch.names)
        self._queue.submit(owner, Files(batch.directory, batch.names, batch.streams), self._rules[batch.defer_links])

    def _answered(self, owner: int, asked: int, results: list[FileResult]) -> Batch:
        """Return the part of the batch that the results are of."""
        batch, missing = self._under_way.pop(owner)
        self._files -= asked
        if asked < missing:
            self._under_way[owner] = (batch, missing - asked)
        return batch._replace(names=tuple(result.name for result in results[:asked]))


def _allow_descriptors() -> None:
    """Raise this process's own limit as far as it may: the engine opens files ahead."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
