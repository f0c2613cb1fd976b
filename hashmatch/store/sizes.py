"""The file sizes of a list: with them a scan can tell a file that is not listed without reading it.

`sizes.bin` holds every size that an entry of the list gives, once, ascending, as little-endian u64 end to end. It is
made where all entries give one, and from the entries; what was sealed is compared with it when it is read back. A
size that is missing from the file would make a listed file a `no_match`, so it is pinned like the tables are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashmatch.errors import StoreDamaged, UsageError
from hashmatch.store.catalogue import Stored
from hashmatch.store.layout import SIZES
from hashmatch.store.postings import LONG_SIZE, SIZED

Sizes = NDArray[np.uint64]

GATHERED: Final = 2 << 20  # numbers held in memory before they are sorted and, if they are all different, written
_BLOCK: Final = 1 << 15  # numbers of each run that a merge holds
_STORED: Final = np.dtype("<u8")
_POSTING: Final = np.dtype([("ordinal", ">u4"), ("flags", "u1"), ("category", ">u2"), ("size", ">u8")])
assert _POSTING.itemsize == LONG_SIZE


class DistinctSizes:
    """Takes sizes in any order and writes each once, ascending; memory does not grow with their number."""

    def __init__(self, directory: Path, *, gathered: int = GATHERED) -> None:
        """Begin with none; `directory` takes what does not stay in memory."""
        self._directory = directory
        self._limit = gathered
        self._held: list[Sizes] = []
        self._count = 0
        self._runs: list[Path] = []

    def add(self, sizes: Sizes) -> None:
        """Take sizes.

        Raises:
            OSError: the disk refuses.
        """
        self._held.append(sizes)
        self._count += len(sizes)
        if self._count >= self._limit:
            merged = distinct(self._held)
            if len(merged) > self._limit // 2:
                self._write_run(merged)
            else:
                self._held, self._count = [merged], len(merged)

    def write(self, path: Path) -> None:
        """Write the file, which must not exist.

        Raises:
            OSError: the disk refuses.
        """
        if self._runs:
            self._write_run(distinct(self._held))
        with path.open("xb") as file:
            for sizes in _merged(self._runs) if self._runs else [distinct(self._held)]:
                file.write(sizes.astype(_STORED).tobytes())

    def _write_run(self, sizes: Sizes) -> None:
        run = self._directory / f"{len(self._runs)}.sizes"
        sizes.astype(_STORED).tofile(run)
        self._runs.append(run)
        self._held, self._count = [], 0


def distinct(parts: Sequence[NDArray[np.unsignedinteger]]) -> Sizes:
    """Return the different numbers of several arrays, ascending, in the machine's byte order."""
    numbers = np.concatenate([np.empty(0, np.uint64), *parts]).astype(np.uint64, copy=False)
    numbers.sort()
    # numpy.unique gathers integers in a hash table: measured 40 to 80 times slower than sorting them.
    first = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return numbers[first]


def _merged(runs: Sequence[Path]) -> Iterator[Sizes]:
    places = [0] * len(runs)
    while True:
        heads = [_read_block(run, place) for run, place in zip(runs, places, strict=True)]
        ends = [head[-1] for head in heads if len(head)]
        if not ends:
            return
        # Whatever a run holds up to the least of these ends stands in its head.
        taken = [head[: np.searchsorted(head, min(ends), "right")] for head in heads]
        places = [place + len(part) for place, part in zip(places, taken, strict=True)]
        yield distinct(taken)


def _read_block(run: Path, place: int) -> Sizes:
    # Read and not mapped: pages of a mapping would stay with the process, however large the runs are.
    return np.fromfile(run, _STORED, _BLOCK, offset=place * _STORED.itemsize)


def _mapped(path: Path) -> Sizes:
    # An empty file cannot be mapped.
    return np.memmap(path, _STORED, "r") if path.stat().st_size else np.empty(0, _STORED)


class SizesCheck:
    """Compares postings with a `sizes.bin`: each size must stand in it, and each of its numbers in some posting."""

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            StoreDamaged: it is no ascending sequence of numbers.
        """
        self._path = path
        if path.stat().st_size % _STORED.itemsize:
            raise self._damaged()
        self._sizes = _mapped(path)
        self._used = np.zeros(len(self._sizes), np.bool_)
        for start in range(0, len(self._sizes), GATHERED):
            part = self._sizes[start : start + GATHERED + 1]
            if np.any(part[1:] <= part[:-1]):
                raise self._damaged()

    def values(self, values: bytes) -> None:
        """Look up the sizes of whole values of the database, end to end.

        Raises:
            StoreDamaged: a posting gives no size, or one that is not in the file.
        """
        if len(values) % LONG_SIZE:
            raise self._damaged()
        postings = np.frombuffer(values, _POSTING)
        sizes = distinct([postings["size"]])
        places = np.searchsorted(self._sizes, sizes)
        if not np.all(postings["flags"] & SIZED) or np.any(places == len(self._sizes)):
            raise self._damaged()
        if np.any(self._sizes[places] != sizes):
            raise self._damaged()
        self._used[places] = True

    @property
    def used(self) -> bytes:
        """A bit for each number of the file: some posting had it."""
        return np.packbits(self._used).tobytes()

    def note(self, used: bytes) -> None:
        """Take what another check of the same file, over another part of the database, found `used`."""
        self._used |= np.unpackbits(np.frombuffer(used, np.uint8), count=len(self._used)).astype(np.bool_)

    def finish(self) -> None:
        """Conclude, all of the database having been looked at.

        Raises:
            StoreDamaged: the file holds a number that no posting has.
        """
        if not np.all(self._used):
            raise self._damaged()

    def _damaged(self) -> StoreDamaged:
        return StoreDamaged(f"{self._path}: not the sizes of the entries that were sealed")


def united_sizes(lists: Sequence[Stored]) -> bytes:
    """Return the sizes that entries of several lists give: ascending u64 in the machine's byte order, end to end.

    Raises:
        UsageError: a list has entries whose size is not known, so no file can be told by its size; names the list.
        StoreDamaged: a file of sizes is not what was sealed.
    """
    return distinct([_load(stored) for stored in lists]).tobytes()


def _load(stored: Stored) -> Sizes:
    manifest = stored.manifest
    title = f"list {manifest.list} release {manifest.release}"
    lacking = manifest.entries - manifest.sized_entries
    if lacking:
        raise UsageError(
            f"skip-by-size: {title} gives no size for {lacking:,} of its {manifest.entries:,} entries; "
            "their files can have any"
        )
    if manifest.sizes is None:
        raise UsageError(f"skip-by-size: {title} was imported before sizes were kept; import it again")
    path = stored.directory / SIZES
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreDamaged(f"{path}: {error.strerror}") from error
    if (len(content), hashlib.sha256(content).hexdigest()) != (manifest.sizes.size, manifest.sizes.sha256):
        raise StoreDamaged(f"{path}: not the content that was sealed")
    sizes = np.frombuffer(content, _STORED).astype(np.uint64)
    # Digests of the empty file are held back at import, so what has this size here has another one in truth.
    if len(sizes) and sizes[0] == 0:
        raise UsageError(f"skip-by-size: {title} gives entries a size of 0 bytes that are not the empty file")
    return sizes
