"""Files that are read when all the likely ones have been: kept on disk meanwhile, in the order of the walk.

One walk lists every directory once, whatever is to be read first, and each name it finds is either given out or put
off here. A second walk for the rest would have to be reconciled with the first: a name that came or went between the
two would be in both or in neither.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from hashmatch.evidence.tree import Files
from hashmatch.scan.frames import Frames
from hashmatch.scan.sorting import SortedRuns

_HEAD: Final = struct.Struct(">Q?")  # number of the batch; streams


class Later:
    """Batches that were put off, in a scratch file in the output directory; a context."""

    def __init__(self, directory: Path) -> None:
        """Begin with none.

        Raises:
            OutputUnusable: the output directory refuses.
        """
        self._batches = SortedRuns(Frames.scratch(directory / "later.names"))

    def put_off(self, files: Files) -> None:
        """Take a batch.

        Raises:
            OutputUnusable: the disk refuses.
        """
        head = _HEAD.pack(self._batches.count, files.streams)
        self._batches.add(head + b"\0".join((files.directory, *files.names)))

    def files(self) -> Iterator[Files]:
        """Yield the batches in the order they came.

        Raises:
            OutputUnusable: what is read is not what was written.
        """
        for item in self._batches.merged():
            _, streams = _HEAD.unpack_from(item)
            directory, *names = item[_HEAD.size :].split(b"\0")
            yield Files(directory, tuple(names), streams)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._batches.close()
