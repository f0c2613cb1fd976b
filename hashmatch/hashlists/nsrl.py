"""NSRL RDSv3: a SQLite database, read in the order of its own index and never written.

In the minimal sets FILE is a table whose primary key begins with the three digests, so grouping by them is one scan
of that index. In the full and curated sets FILE is a view, and every row is taken as it comes.
"""

from __future__ import annotations

import os
import sqlite3
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.columns import BLOCK_ENTRIES, bulk_octets, optional
from hashmatch.hashlists.entries import EntryBlock, ParsedPiece, Piece
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm

NAME: Final = "nsrl"
MAGIC: Final = b"SQLite format 3\0"

_COLUMNS: Final = (Algorithm.SHA256, Algorithm.SHA1, Algorithm.MD5)
_GROUPED: Final = (
    "SELECT sha256, sha1, md5, min(file_size), max(file_size) FROM FILE GROUP BY sha256, sha1, md5"  # one index scan
)
_EVERY_ROW: Final = "SELECT sha256, sha1, md5, file_size, file_size FROM FILE"

# SQLite quotes a damaged schema in its message, which Python then cannot decode.
_FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)

Record = tuple[object, object, object, object, object]


def open_nsrl(list_file: ListFile, options: ListOptions) -> Reading:
    _check_header(list_file)
    _check_at_rest(list_file)
    try:
        with closing(_connect(list_file)) as database:
            query = _query(database)
    except _FAULTS as exc:
        raise _damaged(exc) from None
    check_algorithm(_COLUMNS, options)
    return Reading(NAME, tuple(sorted(_COLUMNS)), has_categories=False, _pieces=partial(_pieces, list_file, query))


def _pieces(list_file: ListFile, query: str) -> Iterator[Piece]:
    numbers = count(1)
    try:
        with closing(_connect(list_file)) as database:
            cursor = database.execute(query)
            while records := cursor.fetchmany(BLOCK_ENTRIES):
                yield ParsedPiece(_block([next(numbers) for _ in records], records))
    except _FAULTS as exc:
        raise _damaged(exc) from None
    list_file.check_unchanged()


def _connect(list_file: ListFile) -> sqlite3.Connection:
    # Everything outside plain letters is escaped, so that a `?` or `#` in a path cannot end it and a name that is
    # not UTF-8 arrives as its bytes. `immutable` keeps SQLite from looking for, or writing, a journal beside it.
    path = urllib.parse.quote(os.fsencode(os.path.abspath(list_file.path)))
    database = sqlite3.connect(f"file://{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    # The view of a list is a stranger's code; it gets no function that could do anything.
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.text_factory = bytes
    return database


def _query(database: sqlite3.Connection) -> str:
    master = database.execute("SELECT name, type FROM sqlite_master")
    kinds = {bytes(name).upper(): bytes(kind) for name, kind in master}
    kind = kinds.get(b"FILE")
    if kind == b"view" and b"METADATA" in kinds:
        database.execute(f"{_EVERY_ROW} LIMIT 0")
        return _EVERY_ROW
    if kind == b"table":
        plan = [bytes(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {_GROUPED}")]
        # Without NIST's index the grouping would sort hundreds of millions of rows in temporary files.
        return _EVERY_ROW if any(b"TEMP B-TREE" in step for step in plan) else _GROUPED
    if {b"HASHES", b"DB_PROPERTIES"} <= kinds.keys():
        raise ListFormatError("this is a hash database of Autopsy (.kdb): export it as a text list of MD5 digests")
    raise ListFormatError("this SQLite database is no NSRL RDSv3: expected a table or view FILE")


def _block(places: Sequence[int], records: Sequence[Record]) -> EntryBlock:
    columns = list(zip(*records, strict=True))
    digests = {
        algorithm: _octets(algorithm, places, column)
        for algorithm, column in zip(_COLUMNS, columns[: len(_COLUMNS)], strict=True)
    }
    sizes = [_size(*sizes) for sizes in zip(places, *columns[len(_COLUMNS) :], strict=True)]
    notes = {"sizes_differ": sizes.count(None)} if None in sizes else {}
    return EntryBlock(places, dict(sorted(digests.items())), optional(sizes), notes=notes)


def _octets(algorithm: Algorithm, places: Sequence[int], cells: Sequence[object]) -> list[bytes]:
    text = [cell if isinstance(cell, bytes) else b"" for cell in cells]
    if set(map(len, text)) == {2 * algorithm.size} and (octets := bulk_octets(algorithm, b"".join(text))) is not None:
        return octets
    return [_octets_of(algorithm, place, digits) for place, digits in zip(places, text, strict=True)]


def _octets_of(algorithm: Algorithm, place: int, digits: bytes) -> bytes:
    try:
        return parse_hex(algorithm, digits)
    except ValueError as exc:
        raise ListFormatError(str(exc), place=place, unit="record") from None


def _size(place: int, smallest: object, largest: object) -> int | None:
    """Return the size, unless rows with the same digests disagree about it."""
    if not isinstance(smallest, int) or not isinstance(largest, int) or smallest < 0:
        raise ListFormatError("expected a file size in bytes, got something else", place=place, unit="record")
    return smallest if smallest == largest else None


def _check_header(list_file: ListFile) -> None:
    """Compare the size that the database says it has with the file's, which shows a download that was cut."""
    header = list_file.head[:100]
    if len(header) < 100 or not header.startswith(MAGIC):
        raise ListFormatError("expected a SQLite database, got something else or a part of one")
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    pages = int.from_bytes(header[28:32], "big")
    # The page count holds only where the change counter is the one it was written with.
    counted = pages and header[24:28] == header[92:96]
    if page_size < 512 or list_file.size % page_size or (counted and pages * page_size != list_file.size):
        raise ListFormatError(
            f"the database should have {pages} pages of {page_size} bytes, but the file has {list_file.size} bytes: "
            "it is cut, damaged or still being written"
        )


def _check_at_rest(list_file: ListFile) -> None:
    """Refuse a database whose last changes stand in another file, since only this one is read."""
    for suffix in ("-journal", "-wal"):
        try:
            pending = os.stat(list_file.path + suffix).st_size
        except OSError:
            continue
        if pending:
            raise ListFormatError(f"a file with {suffix} at its end stands beside the database: close it first")


def _damaged(exc: Exception) -> ListFormatError:
    # The message may quote the database; the name of the error cannot.
    name = getattr(exc, "sqlite_errorname", type(exc).__name__)
    return ListFormatError(f"the database is cut, damaged or no list: {name}")
