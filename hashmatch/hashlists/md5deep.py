"""`md5deep -z` and its kin: the size first, set to the right, then the digest and the name."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.columns import BlockBuilder, bulk_octets
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.fields import size_of
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, line_pieces, needed_algorithm
from hashmatch.hashlists.text import LineBlock

NAME: Final = "md5deep"
DROPPED: Final = "name"

LINE: Final = re.compile(rb"(?s) *([^ ]+)  ([^ ]+) [ *](.+)")
LIKELY: Final = re.compile(rb" *[0-9]{1,19}  (?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}) [ *].")

_TRAILING: Final = b"\r\0"  # blanks at the end may belong to the name


def open_md5deep(list_file: ListFile, options: ListOptions) -> Reading:
    algorithm = needed_algorithm(options)
    pieces = line_pieces(list_file, Md5deepLines(algorithm))
    return Reading(NAME, (algorithm,), has_categories=False, _pieces=pieces)


@dataclass(frozen=True, slots=True)
class Md5deepLines:
    algorithm: Algorithm

    def parse(self, block: LineBlock) -> EntryBlock:
        return self.parse_fast(block) or self.parse_slowly(block)

    def parse_fast(self, block: LineBlock) -> EntryBlock | None:
        """Read a block of nothing but entries, or return None for any other."""
        # A lone CR or a NUL may hide a second entry in a line; the slow path looks into that.
        if b"\r" in block.data or b"\0" in block.data:
            return None
        found = _lines(self.algorithm).findall(block.data)
        count = block.data.count(b"\n")
        if not count or len(found) != count:
            return None
        sizes, digits = zip(*found, strict=True)
        octets = bulk_octets(self.algorithm, b"".join(digits))
        if octets is None:
            return None
        return EntryBlock(
            places=range(block.first_line, block.first_line + count),
            digests={self.algorithm: octets},
            sizes=list(map(int, sizes)),
            dropped={DROPPED: count},
        )

    def parse_slowly(self, block: LineBlock) -> EntryBlock:
        builder = BlockBuilder()
        for line, text in block.lines():
            content = text.rstrip(_TRAILING)
            if not content.strip():
                continue
            try:
                size, octets = self._entry(content)
            except ValueError as exc:
                raise ListFormatError(str(exc), place=line) from None
            builder.add(line, [(self.algorithm, octets)], size)
            builder.dropped[DROPPED] += 1
        return builder.finish()

    def _entry(self, content: bytes) -> tuple[int, bytes]:
        found = LINE.fullmatch(content)
        if found is None:
            raise ValueError("expected a size, two blanks, a digest, two blanks and a name")
        if b"\r" in found[3] or b"\0" in found[3]:
            raise ValueError("expected one entry a line, got a carriage return or NUL inside the line")
        return size_of(found[1].decode("latin-1")), parse_hex(self.algorithm, found[2])


@functools.cache
def _lines(algorithm: Algorithm) -> re.Pattern[bytes]:
    # Eighteen digits stay below the limit that the slow path checks a size against.
    digits = 2 * algorithm.size
    return re.compile(rb"(?m)^ *([0-9]{1,18})  ([0-9A-Fa-f]{%d}) [ *].+$" % digits)
