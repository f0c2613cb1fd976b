"""What is this file? Told by content, never by its name; two possible answers are none.

The order matters: a magic number before text, exact headers before the shapes of lines.
"""

from __future__ import annotations

import re
from typing import Final

from hashmatch.errors import ListAmbiguous, ListFormatError
from hashmatch.hashlists import checksums, csvtable, hashdeep, icse, md5deep, nsrl, plain, vics
from hashmatch.hashlists.foreign import refuse_binary, refuse_json, refuse_text
from hashmatch.hashlists.rows import header_in
from hashmatch.hashlists.text import decoded_head

_LINES_LOOKED_AT: Final = 1000
_PLAIN: Final = re.compile(rb"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")
_VICS_KEYS: Final = re.compile(rb'"@?odata\.(?:metadata|context)"\s*:|\{\s*"value"\s*:')


def recognise(head: bytes) -> str:
    """Return the name of the one format that a list beginning with `head` can be read by.

    Raises:
        ListFormatError: none can.
        ListAmbiguous: several can.
    """
    refuse_binary(head)
    if head.startswith(nsrl.MAGIC):
        return nsrl.NAME
    text = decoded_head(head)
    start = text.lstrip(b" \t\n\r\0")
    if start.startswith((b"{", b"[")):
        return _json(start)
    if b"\0" in start[:2]:
        raise ListFormatError("the list is binary, or UTF-16 without a byte-order mark: save it as UTF-8")
    return _by_header(start) or _by_lines(text)


def _json(text: bytes) -> str:
    if not (text.startswith(b"{") and _VICS_KEYS.search(text)):
        refuse_json(text)
    return vics.NAME


def _by_header(text: bytes) -> str | None:
    if text.startswith(hashdeep.MARK):
        return hashdeep.NAME
    refuse_text(text)
    first = text.partition(b"\n")[0]
    if icse.is_header(first):
        return icse.NAME
    if first.rstrip(b" \t\r\0") in plain.XWAYS_FIRST_LINES:
        return plain.NAME
    try:
        header_in(text)
    except ListFormatError:
        return None
    return csvtable.NAME


def _by_lines(text: bytes) -> str:
    lines = [content for line in text.split(b"\n")[:_LINES_LOOKED_AT] if (content := plain.content_of(line))]
    if not lines:
        raise ListFormatError("the list holds nothing but blank lines and comments, as far as its format is told by")
    # A later line that has no shape is a fault in the list; the parser names it with its place.
    shapes = {shape for line in lines if (shape := _shape(line)) is not None}
    if _shape(lines[0]) is None:
        raise ListFormatError("the list has none of the known formats; say which it is with --format")
    if len(shapes) > 1:
        raise ListAmbiguous(f"some lines of the list read as {' and others as '.join(sorted(shapes))}; say --format")
    return shapes.pop()


def _shape(line: bytes) -> str | None:
    if _PLAIN.fullmatch(line):
        return plain.NAME
    if checksums.GNU_LIKELY.match(line) or checksums.TAGGED.fullmatch(line.removeprefix(b"\\")):
        return checksums.NAME
    if md5deep.LIKELY.match(line):
        return md5deep.NAME
    return None
