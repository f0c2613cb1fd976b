"""Opening, decoding and cutting a list file."""

from __future__ import annotations

import codecs
import hashlib
import os
import pickle
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import HashmatchError, ListFormatError
from hashmatch.hashlists.listfile import ListFile
from hashmatch.hashlists.plain import PlainLines
from hashmatch.hashlists.reading import LinePiece
from hashmatch.hashlists.text import LINE_LIMIT, LineBlock, decoded_chunks, line_blocks

from .lists import EXPECTED, MD5, read_text

HEX = EXPECTED[0]["md5"]


def opened(path: Path | str) -> None:
    with ListFile(str(path)):
        pass


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe, a socket, an absent path and an impossible one are refused at once, without waiting."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "socket", tmp_path / "absent", "/dev/null", "a\0b"):
            with pytest.raises(ListFormatError):
                opened(path)


def test_source_digest_is_of_the_source_as_it_stands(tmp_path: Path) -> None:
    """Decoding does not change what identifies the file, whether or not it was read before."""
    raw = codecs.BOM_UTF16_LE + f"{HEX}\r\n".encode("utf-16-le")
    path = tmp_path / "list"
    path.write_bytes(raw)
    with ListFile(path) as list_file:
        assert list_file.source_digest() == hashlib.sha256(raw).hexdigest()
    assert read_text(tmp_path, raw, algorithm=MD5).source_digest == hashlib.sha256(raw).hexdigest()


def _replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    os.replace(new, path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grow": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "shrink": lambda path: os.truncate(path, 33),
    "touch": lambda path: os.utime(path, ns=(1, 1)),
    "replace": _replace,
    "remove": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_list_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    """The digest in the manifest must be of the file that the entries came from."""
    path = tmp_path / "list"
    path.write_bytes(f"{HEX}\n".encode() * 100_000)
    with ListFile(path) as list_file:
        chunks = list_file.chunks()
        next(chunks)
        CHANGES[change](path)
        with pytest.raises(ListFormatError, match="changed"):
            list(chunks)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEX}\n",
        HEX,
        f"{HEX}\r\n",
        f"{HEX}\r",
        f"\ufeff{HEX}\n",
        f"  {HEX}\t \0\0\n",
        f"\n\n{HEX}\n\n",
        f"# c\n; c\n// c\n{HEX.upper()}",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_line_ends_blanks_comments_and_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    """All of these hold one digest."""
    bom = {"utf-8": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[encoding]
    body = text if encoding == "utf-8" else text.removeprefix("\ufeff")
    whole = read_text(tmp_path, bom + body.encode(encoding), algorithm=MD5)
    assert [entry.digests for entry in whole.entries] == [{MD5: bytes.fromhex(HEX)}]


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF16_LE + HEX.encode("utf-16-le") + b"\n",
        codecs.BOM_UTF16_LE + HEX.encode("utf-16-le") + b"\x00\xd8",
        codecs.BOM_UTF16_BE + HEX.encode("utf-16-be") + b"\xdc\x00\xdc\x00",
        codecs.BOM_UTF32_LE + HEX.encode("utf-32-le"),
        HEX.encode("utf-16-le"),
    ],
)
def test_damaged_utf16_is_refused(tmp_path: Path, raw: bytes) -> None:
    """An odd byte, half a surrogate pair or a missing mark are errors, never fewer lines."""
    with pytest.raises(ListFormatError):
        read_text(tmp_path, raw, algorithm=MD5)


@given(st.text(st.characters(blacklist_characters="\r", blacklist_categories=["Cs"])), st.integers(2, 9))
def test_chunk_borders_never_change_the_text(text: str, size: int) -> None:
    """UTF-16 decodes the same however it is cut into chunks."""
    raw = codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    chunks = [raw[i : i + size] for i in range(0, len(raw), size)]
    assert b"".join(decoded_chunks(chunks)) == text.encode()


@given(st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")), max_size=60))
def test_blocks_hold_whole_lines_in_order(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """However small the blocks, the lines and their numbers are the file's."""
    path = tmp_path_factory.mktemp("t") / "list"
    path.write_bytes(b"x" + b"".join(line + b"\n" for line in lines))
    with ListFile(path) as list_file:
        found = [line for block in line_blocks(list_file, 7) for line in block.lines()]
    wanted = (b"x" + b"\n".join(lines)).split(b"\n")
    assert found == list(enumerate(wanted, 1))


def test_a_line_without_end_is_refused_with_its_number(tmp_path: Path) -> None:
    """A line of over a mebibyte is no list's, and does not fill the memory."""
    body = f"{HEX}\n".encode() * 3
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, body + b"#" * (LINE_LIMIT + 1) + b"\n" + body, algorithm=MD5)
    assert caught.value.place == 4
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, body + b"#" * (8 * LINE_LIMIT), algorithm=MD5)
    assert caught.value.place == 4
    assert len(read_text(tmp_path, body + b"#" * LINE_LIMIT + b"\n" + body, algorithm=MD5).entries) == 6


@pytest.mark.parametrize("size", [(1 << 20) - 1, 4 << 20, (4 << 20) + 1])
def test_blocks_of_large_lists(tmp_path: Path, size: int) -> None:
    """Nothing is lost or counted twice where a large list is cut."""
    count = size // 34
    whole = read_text(tmp_path, f"{HEX}\r\n".encode() * count + b"# c\r\n" + HEX.encode(), algorithm=MD5)
    assert len(whole.entries) == count + 1
    assert whole.entries[-1].place == count + 2


def test_pieces_cross_to_worker_processes() -> None:
    """A piece is parsed alike after pickling, and its text shows in no `repr`."""
    piece = LinePiece(PlainLines(MD5), LineBlock(7, f"{HEX}\n".encode()))
    again = pickle.loads(pickle.dumps(piece))
    assert again.entries() == piece.entries()
    assert list(again.entries().places) == [7]
    assert HEX not in repr(piece)


@given(st.binary(max_size=300), st.sampled_from(["auto", "plain", "checksums", "md5deep", "hashdeep", "csv", "icse"]))
def test_random_bytes_raise_nothing_foreign(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, format_name: str
) -> None:
    """Whatever a file holds, what comes out is entries or an error of ours."""
    with suppress(HashmatchError):
        read_text(tmp_path_factory.mktemp("t"), raw, format_name, algorithm=MD5)
