"""Sorting more byte strings than memory holds: sorted runs in a file, merged when they are read.

The file is only ever appended to. It is one of frames (`scan.frames`); a block holds consecutive items of a run: their
count (4), the length of each (4), all little-endian, then the items. What the items mean is the callers' business.
"""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hashmatch.scan.frames import Frames, Kind

RUN_BYTES: Final = 8 << 20  # of items gathered before they are sorted and written
BLOCK_BYTES: Final = 64 << 10  # of items in a frame; a merge holds one block of every run
FAN_IN: Final = 100  # runs merged at once: about 16 MiB of blocks and the items cut from them

_COUNT: Final = struct.Struct("<I")
# An item costs this much more in memory than its bytes: the object's head and its place in a list.
_ITEM_OVERHEAD: Final = 48


class _Run(NamedTuple):
    start: int
    end: int


class SortedRuns:
    """Takes byte strings in any order, gives them back sorted, as often as asked. Used by one thread."""

    def __init__(self, frames: Frames, *, run_bytes: int = RUN_BYTES) -> None:
        """Append to a file, which is closed with this; what already stands in it is left alone."""
        self._frames = frames
        self._run_bytes = run_bytes
        self._items: list[bytes] = []
        self._gathered = 0
        self._runs: list[_Run] = []
        self.count = 0

    def add(self, item: bytes) -> None:
        """Take one item.

        Raises:
            OutputUnusable: a run was due to be written and could not be.
        """
        self._items.append(item)
        self._gathered += len(item) + _ITEM_OVERHEAD
        self.count += 1
        if self._gathered >= self._run_bytes:
            self.flush()

    def extend(self, items: Sequence[bytes]) -> None:
        """Take many items; a call for each would cost more than keeping it.

        Raises:
            OutputUnusable: a run was due to be written and could not be.
        """
        self._items.extend(items)
        self._gathered += sum(map(len, items)) + _ITEM_OVERHEAD * len(items)
        self.count += len(items)
        if self._gathered >= self._run_bytes:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered as one sorted run.

        Raises:
            OutputUnusable: it could not be written.
        """
        if self._items:
            items, self._items, self._gathered = self._items, [], 0
            items.sort()
            self._runs.append(self._write_run(Kind.BLOCK, [items]))

    def merged(self) -> Iterator[bytes]:
        """Return every item in order. Nothing may be added until the last one is taken.

        Raises:
            OutputUnusable: a frame is not what was written, or the disk fails.
        """
        return itertools.chain.from_iterable(self.stretches())

    def stretches(self) -> Iterator[list[bytes]]:
        """Return what `merged` does, some thousand items at a time."""
        self.flush()
        while len(self._runs) > FAN_IN:
            first, self._runs = self._runs[:FAN_IN], self._runs[FAN_IN:]
            self._runs.append(self._write_run(Kind.MERGED, merge(map(self._read_run, first))))
        return merge(map(self._read_run, self._runs))

    def close(self) -> None:
        self._frames.close()

    def _write_run(self, kind: Kind, stretches: Iterable[list[bytes]]) -> _Run:
        start = self._frames.end
        for block in itertools.chain.from_iterable(map(_blocks, stretches)):
            lengths = struct.pack(f"<{len(block)}I", *map(len, block))
            self._frames.append(kind, b"".join((_COUNT.pack(len(block)), lengths, *block)))
        return _Run(start, self._frames.end)

    def _read_run(self, run: _Run) -> Iterator[list[bytes]]:
        place = run.start
        while place < run.end:
            frame = self._frames.written(place)
            place = frame.end
            yield items_of(frame.payload)


def items_of(block: bytes) -> list[bytes]:
    """Return the items of a block's payload."""
    (count,) = _COUNT.unpack_from(block)
    lengths = struct.unpack_from(f"<{count}I", block, _COUNT.size)
    borders = itertools.accumulate(lengths, initial=_COUNT.size + 4 * count)
    return [block[start:end] for start, end in itertools.pairwise(borders)]


def _blocks(items: list[bytes]) -> Iterator[list[bytes]]:
    """Cut items into blocks of about `BLOCK_BYTES`; one longer than that is the last of its block."""
    filled = list(itertools.accumulate(map(len, items)))
    start = before = 0
    while start < len(items):
        end = bisect_left(filled, before + BLOCK_BYTES, start) + 1
        yield items[start:end]
        start, before = end, filled[min(end, len(items)) - 1]


class _Head:
    """What was read of a run and has not been taken yet."""

    def __init__(self, blocks: Iterator[list[bytes]]) -> None:
        self._blocks = blocks
        self._block: list[bytes] = []
        self._taken = 0

    def filled(self) -> bool:
        """Read on where everything was taken; return whether there is anything."""
        if self._taken == len(self._block):
            self._block, self._taken = next(self._blocks, []), 0
        return bool(self._block)

    def last(self) -> bytes:
        return self._block[-1]

    def take(self, bound: bytes) -> list[bytes]:
        """Return the items up to `bound`, itself included."""
        start, self._taken = self._taken, bisect_right(self._block, bound, self._taken)
        return self._block[start : self._taken]


def merge(runs: Iterable[Iterator[list[bytes]]]) -> Iterator[list[bytes]]:
    """Yield the items of sorted runs in order.

    No run can still bring anything below the least of the last items that were read of each. Sorting all up to there at
    once is quicker by far than asking run by run for the next item: the sort finds the runs in it and merges them.
    """
    heads = [head for head in map(_Head, runs) if head.filled()]
    while heads:
        bound = min(head.last() for head in heads)
        stretch = list(itertools.chain.from_iterable(head.take(bound) for head in heads))
        stretch.sort()
        yield stretch
        heads = [head for head in heads if head.filled()]


def grouped(items: Iterable[bytes], prefix: int) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Gather sorted items by their first `prefix` bytes; a group is read as it comes, never held."""
    return itertools.groupby(items, key=lambda item: item[:prefix])
