"""Sorting more byte strings than memory holds: sorted runs in a file, merged when they are read.

The file is only ever appended to. It is a sequence of frames:

    kind (1 byte) | length of the payload (4) | guard (8) | payload

all little-endian. The guard is the XXH3 of the payload, seeded with kind and length, so that no damaged frame and no
frame cut short is read as something else. A block holds consecutive items of a run: their count (4), the length of
each (4), then the items. What the items mean is the callers' business.
"""

from __future__ import annotations

import itertools
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import xxhash

from hashmatch.errors import OutputUnusable

RUN_BYTES: Final = 8 << 20  # of items gathered before they are sorted and written
BLOCK_BYTES: Final = 64 << 10  # of items in a frame; a merge holds one block of every run
FAN_IN: Final = 100  # runs merged at once: about 16 MiB of blocks and the items cut from them

_FRAME: Final = struct.Struct("<BIQ")
_COUNT: Final = struct.Struct("<I")
_HEADER_FRAME: Final = 1
_BLOCK_FRAME: Final = 2
# An item costs this much more in memory than its bytes: the object's head and its place in a list.
_ITEM_OVERHEAD: Final = 48


class _Run(NamedTuple):
    start: int
    end: int


class SortedRuns:
    """Takes byte strings in any order, gives them back sorted, as often as asked. Used by one thread."""

    def __init__(self, path: str | os.PathLike[str], header: bytes = b"", *, run_bytes: int = RUN_BYTES) -> None:
        """Create the file, readable by its owner only; it must not exist.

        Raises:
            OutputUnusable: it cannot be created or written.
        """
        self._path = os.fspath(path)
        self._run_bytes = run_bytes
        self._items: list[bytes] = []
        self._gathered = 0
        self._runs: list[_Run] = []
        self._end = 0
        self.count = 0
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputUnusable(f"{self._path}: {error.strerror}") from error
        try:
            self._append(_HEADER_FRAME, header)
        except OutputUnusable:
            self.close()
            raise

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
        """Write what is gathered as one sorted run."""
        if self._items:
            items, self._items, self._gathered = self._items, [], 0
            items.sort()
            self._runs.append(self._write_run([items]))

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
            self._runs.append(self._write_run(_merged(map(self._read_run, first))))
        return _merged(map(self._read_run, self._runs))

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Close and delete the file: what it held is no longer wanted."""
        self.close()
        try:
            os.unlink(self._path)
        except OSError as error:
            raise OutputUnusable(f"{self._path}: {error.strerror}") from error

    def _write_run(self, stretches: Iterable[list[bytes]]) -> _Run:
        start = self._end
        for block in itertools.chain.from_iterable(map(_blocks, stretches)):
            lengths = struct.pack(f"<{len(block)}I", *map(len, block))
            self._append(_BLOCK_FRAME, b"".join((_COUNT.pack(len(block)), lengths, *block)))
        return _Run(start, self._end)

    def _append(self, kind: int, payload: bytes) -> None:
        frame = _FRAME.pack(kind, len(payload), _guard(kind, payload)) + payload
        view = memoryview(frame)
        try:
            while view:
                written = os.pwrite(self._file, view, self._end)
                self._end += written
                view = view[written:]
        except OSError as error:
            raise OutputUnusable(f"{self._path}: {error.strerror}") from error

    def _read_run(self, run: _Run) -> Iterator[list[bytes]]:
        place = run.start
        while place < run.end:
            payload, place = self._read_frame(place, _BLOCK_FRAME)
            (count,) = _COUNT.unpack_from(payload)
            lengths = struct.unpack_from(f"<{count}I", payload, _COUNT.size)
            borders = itertools.accumulate(lengths, initial=_COUNT.size + 4 * count)
            yield [payload[start:end] for start, end in itertools.pairwise(borders)]

    def _read_frame(self, place: int, expected: int) -> tuple[bytes, int]:
        """Return the payload of the frame at `place` and where the next one begins."""
        kind, length, guard = _FRAME.unpack(self._read(place, _FRAME.size))
        if kind != expected or place + _FRAME.size + length > self._end:
            raise self._damaged(place)
        payload = self._read(place + _FRAME.size, length)
        if _guard(kind, payload) != guard:
            raise self._damaged(place)
        return payload, place + _FRAME.size + length

    def _read(self, place: int, length: int) -> bytes:
        try:
            octets = os.pread(self._file, length, place)
        except OSError as error:
            raise OutputUnusable(f"{self._path}: {error.strerror}") from error
        if len(octets) != length:
            raise self._damaged(place)
        return octets

    def _damaged(self, place: int) -> OutputUnusable:
        return OutputUnusable(f"{self._path}: the frame at byte {place} is not what was written")


def _guard(kind: int, payload: bytes) -> int:
    return xxhash.xxh3_64_intdigest(payload, seed=kind << 32 | len(payload))


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


def _merged(runs: Iterable[Iterator[list[bytes]]]) -> Iterator[list[bytes]]:
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
