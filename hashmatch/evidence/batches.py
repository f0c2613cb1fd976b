"""The files of one directory, in batches, in the order in which they are to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        self._first: list[tuple[bytes, int]] = []
        self._later: list[tuple[bytes, int]] = []

    def add(self, name: bytes, inode: int) -> Sequence[Names]:
        """Take one name; return the batches that are full."""
        likely = self._likely.has(self._place, name)
        gathered = self._first if likely else self._later
        gathered.append((name, inode))
        return list(self._cut(gathered, later=not likely)) if len(gathered) == self._window else ()

    def rest(self) -> Iterator[Names]:
        """Yield the batches that did not become full."""
        yield from self._cut(self._first, later=False)
        yield from self._cut(self._later, later=True)

    def _cut(self, gathered: list[tuple[bytes, int]], *, later: bool) -> Iterator[Names]:
        names = reading_order(gathered, by_inode=self._by_inode)
        gathered.clear()
        for start in range(0, len(names), BATCH):
            yield Names(tuple(names[start : start + BATCH]), later)


def reading_order(names: Sequence[tuple[bytes, int]], *, by_inode: bool) -> list[bytes]:
    """Return names, given with their inode numbers, in the order of those numbers, or as they come."""
    ordered = sorted(names, key=lambda each: each[1]) if by_inode else names
    return [name for name, _ in ordered]
