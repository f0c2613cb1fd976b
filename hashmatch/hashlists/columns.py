"""Building the columns of an `EntryBlock`, and turning many hexadecimal digests into octets at once."""

from __future__ import annotations

import binascii
import functools
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, TypeVar

from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import Category, EntryBlock

T = TypeVar("T")

BLOCK_ENTRIES: Final = 20_000  # entries a block, where a format has no blocks of its own
_GROUP: Final = 4096  # digests one `struct` takes apart


class BlockBuilder:
    """Collects entries one by one; for the paths that look at every field."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._places: list[int] = []
        self._digests: dict[Algorithm, list[bytes | None]] = {}
        self._sizes: list[int | None] = []
        self._categories: list[Category | None] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(
        self,
        place: int,
        digests: Iterable[tuple[Algorithm, bytes]],
        size: int | None = None,
        category: Category | None = None,
    ) -> None:
        """Append an entry; `digests` names each algorithm at most once."""
        count = len(self._places)
        for algorithm, octets in digests:
            column = self._digests.setdefault(algorithm, [])
            column.extend([None] * (count - len(column)))
            column.append(octets)
        self._places.append(place)
        self._sizes.append(size)
        self._categories.append(category)

    def finish(self) -> EntryBlock:
        count = len(self._places)
        for column in self._digests.values():
            column.extend([None] * (count - len(column)))
        return EntryBlock(
            places=self._places,
            digests=dict(sorted(self._digests.items())),
            sizes=optional(self._sizes),
            categories=optional(self._categories),
            dropped={name: number for name, number in self.dropped.items() if number},
            notes={name: number for name, number in self.notes.items() if number},
        )


def optional(column: Sequence[T | None]) -> Sequence[T | None] | None:
    """Return None for a column in which no entry has anything."""
    return column if any(value is not None for value in column) else None


def bulk_octets(algorithm: Algorithm, digits: bytes | str) -> list[bytes] | None:
    """Take apart digests that stand one after the other in hexadecimal, or return None where they do not."""
    octets = whole_octets(algorithm, digits)
    return None if octets is None else taken_apart(algorithm, octets)


def taken_apart(algorithm: Algorithm, octets: bytes) -> list[bytes]:
    """Return the digests of which `octets` holds a whole number, end to end."""
    # One format string for the whole block would be cached by `struct` for each length that ever occurs.
    whole = len(octets) - len(octets) % (_GROUP * algorithm.size)
    digests = list(chain.from_iterable(_splitter(algorithm.size).iter_unpack(octets[:whole])))
    digests.extend(octets[at : at + algorithm.size] for at in range(whole, len(octets), algorithm.size))
    return digests


def octets_in_lines(algorithm: Algorithm, lines: bytes) -> bytes | None:
    """Read whole lines that hold a digest each and nothing else, end to end, or return None for any others."""
    width = 2 * algorithm.size + 1
    count = len(lines) // width
    # Where every line break stands at its place and their number is right, the rest must be digits, which reading them
    # then proves.
    if len(lines) != count * width or lines[width - 1 :: width] != b"\n" * count:
        return None
    octets = whole_octets(algorithm, lines.replace(b"\n", b""))
    return octets if octets is not None and len(octets) == count * algorithm.size else None


def digests_in_lines(algorithm: Algorithm, lines: bytes) -> list[bytes] | None:
    """Do as `octets_in_lines` does, and take the digests apart."""
    octets = octets_in_lines(algorithm, lines)
    return None if octets is None else taken_apart(algorithm, octets)


def whole_octets(algorithm: Algorithm, digits: bytes | str) -> bytes | None:
    """Return the octets of whole digests in hexadecimal, or None for anything else.

    `binascii.unhexlify` accepts nothing but digits, unlike `bytes.fromhex`.
    """
    try:
        octets = binascii.unhexlify(digits)
    except ValueError:  # `binascii.Error` is one; a foreign digit in a `str` raises the plain form
        return None
    return None if len(octets) % algorithm.size else octets


def plain_block(
    algorithm: Algorithm, places: Sequence[int], digests: Sequence[bytes], dropped: Mapping[str, int]
) -> EntryBlock:
    """Return a block in which every entry has the one digest and nothing else."""
    return EntryBlock(places=places, digests={algorithm: digests} if digests else {}, dropped=dropped)


@functools.cache
def _splitter(size: int) -> struct.Struct:
    return struct.Struct(f"{size}s" * _GROUP)
