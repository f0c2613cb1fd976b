"""The files of one directory, in batches, in the order in which they are to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import itemgetter, not_
from typing import Final, NamedTuple

from hashmatch.evidence.likely import Likely, Place

BATCH: Final = 256
WINDOW: Final = 16 * BATCH  # names that are brought into order together


class Names(NamedTuple):
    """Names of one directory; `later`: not likely ones."""

    names: tuple[bytes, ...]
    later: bool


class Batches:
    """Takes the names of one directory as they are listed.

    On a rotating disk they are read in the order of their inode numbers. File systems give them out, and blocks with
    them, in about the order in which files were made, so this is nearly the order of the places on the disk; a listing
    is in the order of hashed names.
    """

    def __init__(self, place: Place, likely: Likely, *, by_inode: bool) -> None:
        self._place = place
        self._likely = likely
        self._by_inode = by_inode
        self._window = WINDOW if by_inode else BATCH
        self._names: list[bytes] = []
        self._inodes: list[int] = []

    def add(self, names: Sequence[bytes], inodes: Sequence[int]) -> None:
        """Take names; their inode numbers are needed `by_inode` only."""
        self._names += names
        if self._by_inode:
            self._inodes += inodes

    def full(self) -> Iterator[Names]:
        """Yield batches where enough names have come together."""
        if len(self._names) >= self._window:
            yield from self.rest()

    def rest(self) -> Iterator[Names]:
        """Yield all that was not given out yet."""
        names = reading_order(self._names, self._inodes) if self._by_inode else self._names
        self._names, self._inodes = [], []
        if self._place.inside:
            yield from _cut(names, later=False)
            return
        likely = [self._likely.has(self._place, name) for name in names]
        yield from _cut(list(compress(names, likely)), later=False)
        yield from _cut(list(compress(names, map(not_, likely))), later=True)


def _cut(names: Sequence[bytes], *, later: bool) -> Iterator[Names]:
    for start in range(0, len(names), BATCH):
        yield Names(tuple(names[start : start + BATCH]), later)


def reading_order(names: Sequence[bytes], inodes: Sequence[int]) -> list[bytes]:
    """Return names in the order of their inode numbers."""
    return [name for _, name in sorted(zip(inodes, names, strict=True), key=itemgetter(0))]
