"""Tables with a header that names the digest columns: exports of many tools, NSRL RDSv2 text among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Final

from hashmatch.digests import Algorithm
from hashmatch.errors import ListAmbiguous, ListFormatError
from hashmatch.hashlists.columns import BLOCK_ENTRIES, BlockBuilder, bulk_octets, optional
from hashmatch.hashlists.entries import Category, EntryBlock, ParsedPiece, Piece
from hashmatch.hashlists.fields import category_of, digest_of, dropped_name, size_of
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm
from hashmatch.hashlists.rows import Header, Row, cell_in, header_in, rows
from hashmatch.hashlists.text import decoded_head

NAME: Final = "csv"

# NSRL RDSv2 marks what is no ordinary file of a product, malicious code above all (NIST, Data Formats of the NSRL
# Reference Data Set, NSRLFile.SpecialCode). Without the mark a known list would call it known and nothing else.
NSRL_SCHEME: Final = "NSRL SpecialCode"
_SPECIAL: Final = "specialcode"
_NSRL_TEXT: Final = frozenset({"sha-1", "filename", "filesize", "productcode", "opsystemcode", _SPECIAL})


def open_csv(list_file: ListFile, options: ListOptions) -> Reading:
    header = header_in(decoded_head(list_file.head))
    check_algorithm(header.algorithms, options)
    if header.category is None and _NSRL_TEXT.issubset(names := [name.lower() for name in header.names]):
        header = replace(header, category=names.index(_SPECIAL))
        table = Table(header, options.scheme or NSRL_SCHEME)
    elif header.category is not None and options.scheme is None:
        raise ListAmbiguous("the list has a category column, and a category means nothing without its scheme: "
                            "add --scheme")  # fmt: skip
    else:
        table = Table(header, options.scheme or "")
    has_categories = header.category is not None
    return Reading(NAME, header.algorithms, has_categories, partial(_pieces, list_file, table))


def _pieces(list_file: ListFile, table: Table) -> Iterator[Piece]:
    source = rows(list_file, table.header)
    while block := list(islice(source, BLOCK_ENTRIES)):
        yield ParsedPiece(table.parse(block))


@dataclass(frozen=True, slots=True)
class Table:
    """Makes entries of rows; `scheme` is of the category column, where there is one."""

    header: Header
    scheme: str

    def parse(self, block: list[Row]) -> EntryBlock:
        return self.parse_fast(block) or self.parse_slowly(block)

    def parse_fast(self, block: list[Row]) -> EntryBlock | None:
        """Read rows of full length whose digests are all there, or return None for any others."""
        if set(map(len, (cells for _, cells in block))) != {len(self.header.names)}:
            return None
        columns = list(zip(*(cells for _, cells in block), strict=True))
        if self.header.category is not None and any(columns[self.header.category]):
            return None
        digests: dict[Algorithm, Sequence[bytes | None]] = {}
        for algorithm, column in self.header.digests:
            octets = _octets(algorithm, columns[column])
            if octets is None:
                return None
            digests[algorithm] = octets
        sizes = self._sizes(columns)
        if sizes is None:
            return None
        dropped: dict[str, int] = {}
        for name, column in self.header.left:
            _count(dropped, name, len(columns[column]) - columns[column].count(""))
        return EntryBlock([line for line, _ in block], digests, optional(sizes), None, dropped)

    def parse_slowly(self, block: list[Row]) -> EntryBlock:
        builder = BlockBuilder()
        for line, cells in block:
            try:
                self._add(builder, line, cells)
            except ValueError as exc:
                raise ListFormatError(str(exc), place=line) from None
        return builder.finish()

    def _add(self, builder: BlockBuilder, line: int, cells: list[str]) -> None:
        if len(cells) != len(self.header.names):
            raise ValueError(f"expected {len(self.header.names)} cells as in the header, got {len(cells)}")
        digests = digests_in(self.header, cells)
        if not digests:
            raise ValueError("expected a digest, got none in this row")
        size = cell_in(cells, self.header.size)
        name = cell_in(cells, self.header.category)
        category = Category(self.scheme, category_of(name)) if name else None
        builder.add(line, digests, size_of(size) if size else None, category)
        for left, column in self.header.left:
            _count(builder.dropped, left, int(bool(cells[column])))

    def _sizes(self, columns: Sequence[Sequence[str]]) -> list[int | None] | None:
        if self.header.size is None:
            return []
        cells = columns[self.header.size]
        digits = "".join(cells)
        # Eighteen digits stay below the limit that the slow path checks a size against.
        if not (digits.isascii() and digits.isdigit()) or max(map(len, cells)) > 18 or "" in cells:
            return None
        return list(map(int, cells))


def digests_in(header: Header, cells: Sequence[str]) -> list[tuple[Algorithm, bytes]]:
    """Return the digests of a row; an empty cell is an absent digest.

    Raises:
        ValueError: a cell holds something else than a digest.
    """
    found = []
    for algorithm, column in header.digests:
        if text := cell_in(cells, column):
            found.append((algorithm, digest_of(algorithm, text)))
    return found


def _octets(algorithm: Algorithm, cells: Sequence[str]) -> list[bytes] | None:
    if set(map(len, cells)) != {2 * algorithm.size}:
        return None
    return bulk_octets(algorithm, "".join(cells))


def _count(dropped: dict[str, int], name: str, count: int) -> None:
    if count:
        name = dropped_name(name)
        dropped[name] = dropped.get(name, 0) + count
