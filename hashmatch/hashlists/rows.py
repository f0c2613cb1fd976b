"""Delimited text with a header: rows with the line they begin at, and columns found by name.

Cells are text of which nothing is known yet. Bytes that are not UTF-8 are carried through, since file names in
lists often are not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hashmatch.digests import Algorithm
from hashmatch.errors import ListAmbiguous, ListFormatError
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.text import line_blocks

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS: Final = (",", ";", "\t", "|")
SIZE_NAMES: Final = frozenset({"size", "filesize", "file_size", "mediasize"})
CATEGORY_NAME: Final = "category"

_BLANKS: Final = " \t\0"

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, by position.

    Attributes:
        line: where the header stands.
        delimiter: between cells.
        names: every column's name as the list spells it.
        digests, size, category: the columns that entries are made from.
    """

    line: int
    delimiter: str
    names: tuple[str, ...]
    digests: tuple[tuple[Algorithm, int], ...]
    size: int | None
    category: int | None

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        return tuple(algorithm for algorithm, _ in self.digests)

    @property
    def left(self) -> list[tuple[str, int]]:
        """Columns that no entry is made from."""
        used = {self.size, self.category, *(column for _, column in self.digests)}
        return [(name, column) for column, name in enumerate(self.names) if column not in used]


def header_in(head: bytes) -> Header:
    """Find the header in a list's decoded head: its first line that is not blank.

    Raises:
        ListFormatError: no column is named after a digest, or one is named twice.
        ListAmbiguous: two delimiters give a header.
    """
    line, text = next(
        ((number, text) for number, text in enumerate(head.split(b"\n"), 1) if text.strip(b" \t\0")), (1, b"")
    )
    found = []
    for delimiter in DELIMITERS:
        names = split_header(text, delimiter)
        if any(_algorithm(name) is not None for name in names):
            found.append((delimiter, names))
    if not found:
        raise ListFormatError("expected a header with a column md5, sha1 or sha256, got none", place=line)
    # A header of one column reads the same by every delimiter that does not occur.
    several = [candidate for candidate in found if len(candidate[1]) > 1] or found[:1]
    if len(several) > 1:
        raise ListAmbiguous(f"line {line}: the header can be read by more than one delimiter")
    return _header(line, *several[0])


def split_header(text: bytes, delimiter: str) -> tuple[str, ...]:
    """Return the names a header line has by one delimiter; none where it cannot be split so."""
    try:
        cells: list[str] = next(_reader(iter([text.decode("utf-8", "surrogateescape")]), delimiter), [])
    except csv.Error:
        return ()
    return tuple(cell.strip(_BLANKS) for cell in cells)


def rows(list_file: ListFile, header: Header) -> Iterator[Row]:
    """Yield each row below the header with the line it begins at; blank lines are passed over.

    Raises:
        ListFormatError: quotes do not match, or a line break stands where none can.
    """
    reader = _reader(_lines(list_file), header.delimiter)
    line = 1
    try:
        for cells in reader:
            if cells and line > header.line and (cells[0] or any(cells)):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as exc:
        raise ListFormatError(f"the row is not what a table's row is: {exc}", place=line) from None


def cell_in(cells: Sequence[str], column: int | None) -> str:
    """Return a cell without the blanks and NULs around it; an absent one is empty."""
    return "" if column is None or column >= len(cells) else cells[column].strip(_BLANKS)


def _lines(list_file: ListFile) -> Iterator[str]:
    for block in line_blocks(list_file):
        for line in block.data.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            yield line + "\n"


def _reader(lines: Iterator[str], delimiter: str) -> Reader:
    # `strict` makes an open quote at the end of the file an error. Without `skipinitialspace` the quotes of
    # `"a", "b"` would become part of the second cell.
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _header(line: int, delimiter: str, names: tuple[str, ...]) -> Header:
    digests: dict[Algorithm, int] = {}
    others: dict[str, int] = {}
    for column, name in enumerate(names):
        algorithm = _algorithm(name)
        role = "size" if name.lower() in SIZE_NAMES else name.lower()
        if algorithm in digests or (role in ("size", CATEGORY_NAME) and role in others):
            raise ListFormatError("expected each algorithm, size and category in one column, got one twice", place=line)
        if algorithm is not None:
            digests[algorithm] = column
        else:
            others[role] = column
    return Header(
        line=line,
        delimiter=delimiter,
        names=names,
        digests=tuple(sorted(digests.items())),
        size=others.get("size"),
        category=others.get(CATEGORY_NAME),
    )


def _algorithm(name: str) -> Algorithm | None:
    try:
        return Algorithm.named(name)
    except ValueError:
        return None
