"""What every hash list holds, whatever its format: entries, in columns.

A list of tens of millions of entries is handled in blocks of some ten thousand. Columns instead of one object an
entry keep an import at the speed of its parser: building an object costs more than sealing a digest does.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hashmatch.digests import Algorithm


class ListType(enum.StrEnum):
    """What being on the list says of a file. Declared by a person, never sniffed from the file."""

    NOTABLE = "notable"
    KNOWN = "known"
    UNCATEGORISED = "uncategorised"


class Category(NamedTuple):
    """A category with the scheme that gives it its meaning: `1` differs between schemes."""

    scheme: str
    name: str


@dataclass(frozen=True, slots=True)
class EntryBlock:
    """Consecutive entries of one list; all columns have the length of `places`.

    Attributes:
        places: 1-based line or record numbers in the source, ascending and unique within the list.
        digests: for each algorithm that any entry has, the octets an entry has for it, or None. Every entry has
            at least one digest.
        sizes: file sizes in bytes, None where an entry gives none; None for the column where no entry does.
        categories: None for the column where no entry has one of its own.
        dropped: how often each sensitive or unusable field was left behind, by its name.
        notes: how often each oddity of the list was seen, by name (`duplicate_media_id`).
    """

    places: Sequence[int]
    digests: Mapping[Algorithm, Sequence[bytes | None]] = field(repr=False)
    sizes: Sequence[int | None] | None = None
    categories: Sequence[Category | None] | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)


class Piece(Protocol):
    """A stretch of a list that can be parsed without the rest; it can be pickled to a worker process."""

    def entries(self) -> EntryBlock:
        """Parse the stretch.

        Raises:
            ListFormatError: with the line or record that is not what the format says.
        """
        ...


@dataclass(frozen=True, slots=True)
class ParsedPiece:
    """A piece that had to be parsed where it was cut, because its format cannot be cut blindly."""

    block: EntryBlock

    def entries(self) -> EntryBlock:
        return self.block
