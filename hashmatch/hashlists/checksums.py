"""Checksum files: GNU `HEX  name`, BSD `TAG (name) = HEX`, OpenSSL `TAG(name)= HEX`.

Names are read past, never kept. Where a name holds a line break, GNU tools write it escaped and put a backslash
before the digest.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListContradiction, ListFormatError
from hashmatch.hashlists.columns import BlockBuilder, bulk_octets, plain_block
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, line_pieces, needed_algorithm
from hashmatch.hashlists.text import LineBlock, decoded_head

NAME: Final = "checksums"
DROPPED: Final = "name"

# The name runs to the last `) = `, because names hold parentheses; the greedy `.*` sees to that.
TAGGED: Final = re.compile(rb"(?s)([A-Za-z][A-Za-z0-9/-]{1,19})(?: \((.*)\) = |\((.*)\)= )([^ ]*)[ \t]*")
GNU: Final = re.compile(rb"(?s)([^ ]*) [ *](.+)")
GNU_LIKELY: Final = re.compile(rb"\\?(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}) [ *].")

_TRAILING: Final = b"\r\0"  # blanks at the end may belong to the name
_TAGS: Final = {
    b"MD5": Algorithm.MD5,
    b"SHA1": Algorithm.SHA1,
    b"SHA-1": Algorithm.SHA1,
    b"SHA256": Algorithm.SHA256,
    b"SHA-256": Algorithm.SHA256,
    b"SHA2-256": Algorithm.SHA256,
}


def open_checksums(list_file: ListFile, options: ListOptions) -> Reading:
    lines = decoded_head(list_file.head).split(b"\n")
    untagged = any(GNU_LIKELY.match(line) for line in lines)
    algorithm = needed_algorithm(options) if untagged else options.algorithm
    parser = ChecksumLines(algorithm)
    known = None if algorithm is None else (algorithm,)
    return Reading(NAME, known, has_categories=False, _pieces=line_pieces(list_file, parser))


@dataclass(frozen=True, slots=True)
class ChecksumLines:
    """Reads lines of any of the three shapes; `algorithm` is of those without a tag, and binds those with one."""

    algorithm: Algorithm | None

    def parse(self, block: LineBlock) -> EntryBlock:
        return self.parse_fast(block) or self.parse_slowly(block)

    def parse_fast(self, block: LineBlock) -> EntryBlock | None:
        """Read a block whose lines all have the shape and the algorithm of its first, or return None."""
        shape = self._shape_of(block.data)
        if shape is None:
            return None
        algorithm, pattern = shape
        # A lone CR or a NUL may hide a second entry in a line; the slow path looks into that.
        if b"\r" in block.data or b"\0" in block.data:
            return None
        digits = pattern.findall(block.data)
        count = block.data.count(b"\n")
        if len(digits) != count:
            return None
        octets = bulk_octets(algorithm, b"".join(digits))
        if octets is None:
            return None
        places = range(block.first_line, block.first_line + count)
        return plain_block(algorithm, places, octets, {DROPPED: count})

    def _shape_of(self, text: bytes) -> tuple[Algorithm, re.Pattern[bytes]] | None:
        tagged = _TAG_START.match(text)
        if tagged is None:
            return None if self.algorithm is None else (self.algorithm, _gnu_lines(self.algorithm))
        named = _TAGS.get(tagged[1])
        if named is None or self.algorithm not in (None, named):
            return None
        return named, _bsd_lines(tagged[1], named)

    def parse_slowly(self, block: LineBlock) -> EntryBlock:
        builder = BlockBuilder()
        for line, text in block.lines():
            content = text.rstrip(_TRAILING)
            if not content.strip() or content.startswith(b"#"):
                continue
            try:
                builder.add(line, [self._entry(content)])
            except ValueError as exc:
                raise ListFormatError(str(exc), place=line) from None
            except ListContradiction as exc:
                raise ListContradiction(f"line {line}: {exc}") from None
        if len(builder):
            builder.dropped[DROPPED] = len(builder)
        return builder.finish()

    def _entry(self, content: bytes) -> tuple[Algorithm, bytes]:
        # The backslash says that the name is escaped; it is no part of the digest.
        content = content.removeprefix(b"\\")
        tagged = TAGGED.fullmatch(content)
        if tagged is not None:
            _check_name(tagged[2] or tagged[3] or b"")
            algorithm = self._tagged(tagged[1])
            return algorithm, parse_hex(algorithm, tagged[4])
        untagged = GNU.fullmatch(content)
        if untagged is None:
            raise ValueError("expected a digest, two blanks or a blank and an asterisk, and a name; or a tagged line")
        if self.algorithm is None:
            raise ValueError("expected a tag that names the algorithm, got a line without; add --algorithm")
        _check_name(untagged[2])
        return self.algorithm, parse_hex(self.algorithm, untagged[1])

    def _tagged(self, tag: bytes) -> Algorithm:
        algorithm = _TAGS.get(tag)
        if algorithm is None:
            raise ValueError(f"expected a tag of MD5, SHA1 or SHA256, got {tag.decode('ascii')}")
        if self.algorithm not in (None, algorithm):
            raise ListContradiction(
                f"the line is tagged {algorithm.label}, but --algorithm says {self.algorithm.label}"
            )
        return algorithm


def _check_name(name: bytes) -> None:
    """Refuse a line that holds several: lines ended by CR alone, or by NUL as `md5sum -z` writes them.

    A name may end in a CR, as the icon files of macOS do.
    """
    if b"\r" in name[:-1] or b"\0" in name:
        raise ValueError("expected one entry a line, got a carriage return or NUL inside the line")


_TAG_START: Final = re.compile(rb"([A-Za-z][A-Za-z0-9/-]{1,19}) \(")


@functools.cache
def _gnu_lines(algorithm: Algorithm) -> re.Pattern[bytes]:
    return re.compile(rb"(?m)^([0-9A-Fa-f]{%d}) [ *].+$" % (2 * algorithm.size))


@functools.cache
def _bsd_lines(tag: bytes, algorithm: Algorithm) -> re.Pattern[bytes]:
    return re.compile(rb"(?m)^%s \(.*\) = ([0-9A-Fa-f]{%d})$" % (tag, 2 * algorithm.size))
