"""hashdeep's own format: two header lines that name the columns, then sizes, digests and a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.columns import BlockBuilder, bulk_octets
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.fields import dropped_name, size_of
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm, line_pieces
from hashmatch.hashlists.text import LineBlock, decoded_head

NAME: Final = "hashdeep"
MARK: Final = b"%%%% HASHDEEP-"

_FIRST_LINE: Final = b"%%%% HASHDEEP-1.0"
_HEADER_MARK: Final = b"%%%% "
_HEADER_LINES: Final = 2
_PIECEWISE: Final = re.compile(rb" offset [0-9]+-[0-9]+")
_TRAILING: Final = b"\r\0"  # blanks at the end may belong to the name


def open_hashdeep(list_file: ListFile, options: ListOptions) -> Reading:
    parser = HashdeepLines(_columns(decoded_head(list_file.head)))
    named = parser.algorithms
    check_algorithm(named, options)
    return Reading(NAME, named, has_categories=False, _pieces=line_pieces(list_file, parser))


@dataclass(frozen=True, slots=True)
class HashdeepLines:
    """Reads entries by the columns of the header, the first of which is the size and the last the name."""

    columns: tuple[str, ...]

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        return tuple(sorted(algorithm for algorithm in map(_algorithm, self.columns) if algorithm is not None))

    def parse(self, block: LineBlock) -> EntryBlock:
        block = block.without_first(_HEADER_LINES)
        return self.parse_fast(block) or self.parse_slowly(block)

    def parse_fast(self, block: LineBlock) -> EntryBlock | None:
        """Read a block of nothing but entries, or return None for any other."""
        # A lone CR or a NUL may hide a second entry in a line; the slow path looks into that.
        if b"\r" in block.data or b"\0" in block.data or _PIECEWISE.search(block.data):
            return None
        found = self._pattern().findall(block.data)
        count = block.data.count(b"\n")
        if not count or len(found) != count:
            return None
        sizes, *cells = zip(*found, strict=True)
        named = [algorithm for algorithm in map(_algorithm, self.columns) if algorithm is not None]
        digests = {
            algorithm: bulk_octets(algorithm, b"".join(digits)) for algorithm, digits in zip(named, cells, strict=True)
        }
        return EntryBlock(
            places=range(block.first_line, block.first_line + count),
            digests={algorithm: octets for algorithm in sorted(digests) if (octets := digests[algorithm]) is not None},
            sizes=list(map(int, sizes)),
            dropped=self._dropped(count),
        )

    def parse_slowly(self, block: LineBlock) -> EntryBlock:
        builder = BlockBuilder()
        for line, text in block.lines():
            content = text.rstrip(_TRAILING)
            if not content.strip() or content.startswith(b"#"):
                continue
            try:
                size, digests = self._entry(content)
            except ValueError as exc:
                raise ListFormatError(str(exc), place=line) from None
            builder.add(line, digests, size)
        builder.dropped.update(self._dropped(len(builder)))
        return builder.finish()

    def _entry(self, content: bytes) -> tuple[int, list[tuple[Algorithm, bytes]]]:
        if content.startswith(_HEADER_MARK):
            raise ValueError("expected an entry, got a second header: import joined lists one by one")
        cells = content.split(b",", len(self.columns) - 1)
        if len(cells) != len(self.columns):
            raise ValueError(f"expected {len(self.columns)} columns, got {len(cells)}")
        name = cells[-1]
        if _PIECEWISE.search(name) and _PIECEWISE.fullmatch(name, name.rfind(b" offset ")):
            raise ValueError("expected digests of whole files, got one of a piece (hashdeep -p)")
        if not name or b"\r" in name or b"\0" in name:
            raise ValueError("expected a name without carriage return or NUL in the last column")
        digests = []
        for column, cell in zip(self.columns, cells, strict=True):
            if (algorithm := _algorithm(column)) is not None:
                digests.append((algorithm, parse_hex(algorithm, cell)))
        return size_of(cells[0].decode("latin-1")), digests

    def _dropped(self, count: int) -> dict[str, int]:
        columns = [dropped_name(name) for name in self.columns[1:] if _algorithm(name) is None]
        return {name: count * columns.count(name) for name in columns} if count else {}

    def _pattern(self) -> re.Pattern[bytes]:
        cells = [b"([0-9]{1,18})"]
        for column in self.columns[1:-1]:
            algorithm = _algorithm(column)
            cells.append(b"[^,\n]*" if algorithm is None else b"([0-9A-Fa-f]{%d})" % (2 * algorithm.size))
        return re.compile(b"(?m)^" + b",".join(cells) + rb",.+$")


def _columns(head: bytes) -> tuple[str, ...]:
    lines = [line.rstrip(_TRAILING) for line in head.split(b"\n", _HEADER_LINES)[:_HEADER_LINES]]
    if lines[0] != _FIRST_LINE:
        raise ListFormatError("expected the first line of a hashdeep 1.0 list", place=1)
    if len(lines) < _HEADER_LINES or not lines[1].startswith(_HEADER_MARK):
        raise ListFormatError("expected the line that names the columns", place=2)
    columns = tuple(lines[1].removeprefix(_HEADER_MARK).decode("latin-1").lower().split(","))
    if columns[0] != "size" or columns[-1] != "filename":
        raise ListFormatError("expected the columns to begin with size and to end with filename", place=2)
    named = [algorithm for algorithm in map(_algorithm, columns) if algorithm is not None]
    if not named:
        raise ListFormatError("expected a column md5, sha1 or sha256, got none", place=2)
    if len(set(named)) != len(named):
        raise ListFormatError("expected each algorithm in one column, got one twice", place=2)
    return columns


def _algorithm(column: str) -> Algorithm | None:
    try:
        return Algorithm.named(column)
    except ValueError:
        return None
