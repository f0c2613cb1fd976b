"""INTERPOL ICSE: a semicolon-separated export whose `Baseline` flag is its category.

Rows are not always of one length, so columns are found by name and a short row is taken as long as its digests are
there. A long row is refused: a cell that was split would shift another flag under `Baseline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from hashmatch.errors import ListFormatError
from hashmatch.hashlists.columns import BLOCK_ENTRIES, BlockBuilder
from hashmatch.hashlists.csvtable import digests_in
from hashmatch.hashlists.entries import Category, ParsedPiece, Piece
from hashmatch.hashlists.fields import dropped_name
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm, check_not_known
from hashmatch.hashlists.rows import Header, cell_in, header_in, rows, split_header
from hashmatch.hashlists.text import decoded_head

NAME: Final = "icse"
SCHEME: Final = "ICSE"

_DELIMITER: Final = ";"
_FLAG_COLUMN: Final = "baseline"
_NEEDED: Final = frozenset({"md5", "sha1", "image id", _FLAG_COLUMN})
_YES: Final = frozenset({"y", "yes", "t", "true"})
_NO: Final = frozenset({"n", "no", "f", "false"})


def is_header(line: bytes) -> bool:
    """Say whether a list's first line is the header of an ICSE export."""
    return {name.lower() for name in split_header(line, _DELIMITER)} >= _NEEDED


def open_icse(list_file: ListFile, options: ListOptions) -> Reading:
    head = decoded_head(list_file.head)
    header = header_in(head)
    names = [name.lower() for name in header.names]
    if header.delimiter != _DELIMITER or not _NEEDED.issubset(names) or names.count(_FLAG_COLUMN) > 1:
        raise ListFormatError("expected the header of an ICSE export", place=header.line)
    check_not_known(options, "an ICSE export")
    check_algorithm(header.algorithms, options)
    flag = names.index(_FLAG_COLUMN)
    pieces = partial(_pieces, list_file, header, flag, options.scheme or SCHEME)
    return Reading(NAME, header.algorithms, has_categories=True, _pieces=pieces)


def _pieces(list_file: ListFile, header: Header, flag: int, scheme: str) -> Iterator[Piece]:
    builder = BlockBuilder()
    for line, cells in rows(list_file, header):
        try:
            _add(builder, header, flag, scheme, line, cells)
        except ValueError as exc:
            raise ListFormatError(str(exc), place=line) from None
        if len(builder) == BLOCK_ENTRIES:
            yield ParsedPiece(builder.finish())
            builder = BlockBuilder()
    if len(builder):
        yield ParsedPiece(builder.finish())


def _add(builder: BlockBuilder, header: Header, flag: int, scheme: str, line: int, cells: list[str]) -> None:
    if len(cells) > len(header.names):
        raise ValueError(f"expected at most {len(header.names)} cells as in the header, got {len(cells)}")
    digests = digests_in(header, cells)
    if not digests:
        raise ValueError("expected a digest, got none in this row")
    name = _baseline(cell_in(cells, flag))
    builder.add(line, digests, category=Category(scheme, name) if name else None)
    builder.notes["short_row"] += len(cells) < len(header.names)
    builder.notes["no_baseline"] += name is None
    for left, column in header.left:
        if column != flag:
            builder.dropped[dropped_name(left)] += bool(cell_in(cells, column))


def _baseline(text: str) -> str | None:
    folded = text.lower()
    if folded in _YES:
        return "baseline"
    if folded in _NO:
        return "not baseline"
    if folded:
        raise ValueError("expected yes or no under Baseline, got something else")
    return None
