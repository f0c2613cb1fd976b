"""Plain lists: one digest a line, with comments; and X-Ways lists, whose first line names the algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashmatch.digests import Algorithm, parse_hex
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.columns import BlockBuilder, digests_in_lines, plain_block
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.reading import ListOptions, Reading, check_algorithm, line_pieces, needed_algorithm
from hashmatch.hashlists.text import LineBlock, decoded_head

NAME: Final = "plain"

# X-Ways takes exactly these spellings and no other; `SHA1` is none of them.
XWAYS_FIRST_LINES: Final = {b"MD5": Algorithm.MD5, b"SHA-1": Algorithm.SHA1, b"SHA-256": Algorithm.SHA256}

_LEADING: Final = b" \t"
_TRAILING: Final = b" \t\r\0"  # blanks that editors leave, and the NUL padding of some exports
_COMMENTS: Final = (b"#", b";", b"//")


def open_plain(list_file: ListFile, options: ListOptions) -> Reading:
    named = XWAYS_FIRST_LINES.get(_first_line(list_file.head))
    if named is not None:
        check_algorithm({named}, options)
    algorithm = named or needed_algorithm(options)
    parser = PlainLines(algorithm, header_lines=0 if named is None else 1)
    return Reading(NAME, (algorithm,), has_categories=False, _pieces=line_pieces(list_file, parser))


def content_of(line: bytes) -> bytes:
    """Return what a line says: nothing for a comment or a blank line."""
    content = line.lstrip(_LEADING).rstrip(_TRAILING)
    return b"" if content.startswith(_COMMENTS) else content


@dataclass(frozen=True, slots=True)
class PlainLines:
    algorithm: Algorithm
    header_lines: int = 0

    def parse(self, block: LineBlock) -> EntryBlock:
        block = block.without_first(self.header_lines)
        return self.parse_fast(block) or self.parse_slowly(block)

    def parse_fast(self, block: LineBlock) -> EntryBlock | None:
        """Read a block that holds nothing but digests, or return None for any other."""
        octets = digests_in_lines(self.algorithm, block.data)
        if octets is None:
            return None
        return plain_block(self.algorithm, range(block.first_line, block.first_line + len(octets)), octets, {})

    def parse_slowly(self, block: LineBlock) -> EntryBlock:
        builder = BlockBuilder()
        for line, text in block.lines():
            content = content_of(text)
            if not content:
                continue
            try:
                builder.add(line, [(self.algorithm, parse_hex(self.algorithm, content))])
            except ValueError as exc:
                raise ListFormatError(str(exc), place=line) from None
        return builder.finish()


def _first_line(head: bytes) -> bytes:
    return decoded_head(head).partition(b"\n")[0].rstrip(_TRAILING)
