"""The text of a list file: encodings and line ends put right, cut into blocks of whole lines.

Whoever reads lines after this sees UTF-8 bytes without a byte-order mark, and every line ended by LF. Bytes that
are not UTF-8 pass as they are, because file names in lists often are not; UTF-16 is decoded strictly.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hashmatch.errors import ListFormatError
from hashmatch.hashlists.listfile import ListFile

BLOCK_SIZE: Final = 4 << 20  # bytes; a worker process gets one block at a time
LINE_LIMIT: Final = 1 << 20  # bytes; a longer line is no line of any list format

_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UTF32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive whole lines; `data` ends with LF and `first_line` is the 1-based number of its first line."""

    first_line: int
    data: bytes = field(repr=False)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line with its number, without its LF."""
        # `bytes.splitlines` would also cut at a lone CR and so count lines that no editor shows.
        lines = self.data.split(b"\n")
        lines.pop()
        return enumerate(lines, self.first_line)

    def without_first(self, count: int) -> LineBlock:
        """Return the block without the file's first `count` lines, which a format reads as its header."""
        skipped = max(0, count - self.first_line + 1)
        if not skipped:
            return self
        start = 0
        for _ in range(skipped):
            start = self.data.find(b"\n", start) + 1 or len(self.data)
        return LineBlock(self.first_line + skipped, self.data[start:])


def decoded_head(head: bytes) -> bytes:
    """Return the text at the start of a file as UTF-8, for recognising a format.

    The head ends anywhere, so a character that is cut at its end is left out without complaint.
    """
    encoding = _encoding(head)
    if encoding is None:
        text = head.removeprefix(codecs.BOM_UTF8)
    else:
        text = head[2:].decode(encoding, "ignore").encode("utf-8")
    return text.replace(b"\r\n", b"\n").removesuffix(b"\r")


def decoded_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Strip a byte-order mark and turn UTF-16 into UTF-8, chunk by chunk.

    Raises:
        ListFormatError: the text is not what its byte-order mark says.
    """
    stream = iter(chunks)
    first = next(stream, b"")
    encoding = _encoding(first)
    if encoding is None:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        yield decoder.decode(first[2:]).encode("utf-8")
        for chunk in stream:
            yield decoder.decode(chunk).encode("utf-8")
        decoder.decode(b"", final=True)
    except UnicodeError:
        # The original error carries the bytes around the fault, which may be a digest.
        raise ListFormatError(f"expected {encoding.upper()} as the byte-order mark says, got other bytes") from None


def line_blocks(list_file: ListFile, block_size: int = BLOCK_SIZE) -> Iterator[LineBlock]:
    """Cut the text of a list into blocks of about `block_size` bytes, each of whole lines.

    Raises:
        ListFormatError: a line is longer than a line of a list can be, or the text is not what its mark says.
    """
    line = 1
    for data in _whole_lines(decoded_chunks(list_file.chunks()), block_size):
        block = LineBlock(line, data.replace(b"\r\n", b"\n") if b"\r" in data else data)
        _check_line_lengths(block)
        yield block
        line += block.data.count(b"\n")


def _whole_lines(chunks: Iterable[bytes], block_size: int) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        # A block without any LF must not grow with the file: past the limit it is cut off and refused below.
        if size < block_size:
            continue
        data = b"".join(held)
        end = data.rfind(b"\n") + 1
        if end or size > block_size + LINE_LIMIT:
            yield data[:end] if end else data + b"\n"
            data = data[end:] if end else b""
        held, size = [data], len(data)
    if rest := b"".join(held):
        yield _ended(rest)


def _ended(data: bytes) -> bytes:
    """Give the last line of a file its LF, whether it had none or the lone CR of an old editor."""
    return data if data.endswith(b"\n") else data.removesuffix(b"\r") + b"\n"


def _check_line_lengths(block: LineBlock) -> None:
    start, end = 0, len(block.data)
    while start < end:
        # Each step goes as far as one line may reach, so a block takes a handful of searches, not one a line.
        newline = block.data.rfind(b"\n", start, start + LINE_LIMIT + 1)
        if newline < 0:
            line = block.first_line + block.data.count(b"\n", 0, start)
            raise ListFormatError(f"expected a line of at most {LINE_LIMIT} bytes, got a longer one", place=line)
        start = newline + 1


def _encoding(head: bytes) -> str | None:
    if head.startswith(_UTF32):
        raise ListFormatError("the list is UTF-32 text: save it as UTF-8")
    return _UTF16.get(head[:2])
