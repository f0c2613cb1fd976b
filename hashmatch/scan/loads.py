"""Cutting the walk's batches into loads: what a worker is given at a time.

A load should take long enough that handing it over costs nothing, and be short enough that the last ones end
together: many small directories are gathered, one of large files is cut. How long files take is not known before
they are read, so the size follows what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hashmatch.scan.batch import NOTHING_YET, Batch
from hashmatch.scan.worker import Load

_SECONDS: Final = 0.1  # that a load is meant to take
_FIRST: Final = 8  # files, before anything was measured
_MOST: Final = 256  # files; the answer to so many is about 30 kB


class Loads:
    """Takes batches from an iterator when asked for a load, never earlier."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._rest: Batch | None = None
        self._files = _FIRST

    def take(self) -> Load:
        """Return the next load; an empty one when there are no more batches."""
        load: list[Batch] = []
        room = self._files
        while room > 0:
            batch = self._rest or next(self._batches, None)
            if batch is None:
                break
            if batch is NOTHING_YET:
                continue
            self._rest = batch._replace(names=batch.names[room:]) if len(batch.names) > room else None
            load.append(batch._replace(names=batch.names[:room]) if self._rest else batch)
            room -= len(batch.names)
        return tuple(load)

    def measured(self, files: int, seconds: float) -> None:
        """Learn from a load that was examined; growth is gradual, as one quick load promises little."""
        at_once = files * _SECONDS >= _MOST * seconds
        fitting = _MOST if at_once else int(files * _SECONDS / seconds)
        self._files = max(1, min(fitting, 2 * self._files, _MOST))


def files_in(load: Load) -> int:
    return sum(len(batch.names) for batch in load)


def one_by_one(load: Load) -> list[Load]:
    """Return a load for each file."""
    return [(batch._replace(names=(name,)),) for batch in load for name in batch.names]
