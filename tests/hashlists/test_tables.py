"""Tables with a header, and ICSE exports among them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import ListAmbiguous, ListContradiction, ListFormatError
from hashmatch.hashlists.csvtable import Table
from hashmatch.hashlists.entries import Category
from hashmatch.hashlists.rows import header_in

from .lists import EXPECTED, MD5, SHA1, SHA256, Entry, entries_of, read_text

HEX, HEX1 = EXPECTED[0]["md5"], EXPECTED[0]["sha1"]

CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
ROWS = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16),
        st.none() | st.binary(min_size=32, max_size=32),
        st.none() | st.integers(0, 2**63 - 1),
        CELLS,
        st.none() | st.text(st.sampled_from("abc Ä;,|\"'"), min_size=1, max_size=9).map(str.strip).filter(bool),
    ),
    min_size=1,
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@given(rows=ROWS)
def test_tables_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bytes, bytes | None, int | None, str, str | None]],
    delimiter: str, line_end: str
) -> None:  # fmt: skip
    """Quotes, delimiters and line breaks in cells change nothing; empty cells are absent digests and sizes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["MD5", "sha-256", "FileSize", "name", "Category"])
    for md5, sha256, size, name, category in rows:
        writer.writerow([md5.hex().upper(), sha256.hex() if sha256 else "", size, name, category])
    whole = read_text(tmp_path_factory.mktemp("t"), text.getvalue().encode(), "csv", scheme="s")
    assert [(e.digests, e.size, e.category) for e in whole.entries] == [
        ({MD5: md5, SHA256: sha256} if sha256 else {MD5: md5}, size, Category("s", category) if category else None)
        for md5, sha256, size, _, category in rows
    ]


@given(st.lists(st.tuples(st.sampled_from([HEX, HEX.upper(), "", " " + HEX, HEX[1:], "\u0661" * 32]),
                          st.sampled_from(["7", "", "-1", " 7", "\u0661", "9" * 19])), min_size=1))  # fmt: skip
def test_the_fast_path_reads_what_the_slow_one_reads(rows: list[tuple[str, str]]) -> None:
    """Where the fast path takes a block of rows, the slow one gives the same entries and counts."""
    table = Table(header_in(b"md5,size,name\n"), "")
    block = [(line, [*cells, "x"]) for line, cells in enumerate(rows, 2)]
    fast = table.parse_fast(block)
    if fast is not None:
        slow = table.parse_slowly(block)
        assert entries_of(fast) == entries_of(slow)
        assert dict(fast.dropped) == dict(slow.dropped)


def test_file_names_are_never_decoded_strictly(tmp_path: Path) -> None:
    """NSRL text has names that are not UTF-8; they are dropped, not stumbled over."""
    assert len(read_text(tmp_path, b"md5,name\n" + HEX.encode() + b",caf\xe9\xff\n").entries) == 1


def test_blanks_before_quotes(tmp_path: Path) -> None:
    """A blank after the delimiter does not make the quotes part of the cell."""
    whole = read_text(tmp_path, f'"md5", "sha1"\n"{HEX}", "{HEX1}"\n')
    assert whole.entries == [Entry(2, {MD5: bytes.fromhex(HEX), SHA1: bytes.fromhex(HEX1)})]


def test_places_are_lines_even_where_cells_have_line_breaks(tmp_path: Path) -> None:
    """A row's place is the line it begins at."""
    text = f'\nname,md5\n\n"a\nb",{HEX}\n,,\n'
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, text + f"c,{HEX[1:]}\n")
    assert caught.value.place == 7
    assert [e.place for e in read_text(tmp_path, text + f"c,{HEX}\n").entries] == [4, 7]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1.23457E+31,x", "spreadsheet"),
        ("1E10,x", "spreadsheet"),
        ("1234567890123456789012345678901,x", "spreadsheet"),
        (f"{HEX}", "2 cells"),
        (f"{HEX},x,y", "2 cells"),
        (",x", "got none"),
        (f'"{HEX},x', "not what a table"),
        (f'"{HEX}"y,x', "not what a table"),
        (f"{HEX},x\ry", "not what a table"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, words: str) -> None:
    """Damage by spreadsheets, missing cells and open quotes are refused with their line."""
    with pytest.raises(ListFormatError, match=words) as caught:
        read_text(tmp_path, f"md5,name\n{HEX},x\n{row}\n")
    assert caught.value.place == 3
    assert HEX[:8] not in str(caught.value)


@pytest.mark.parametrize("size", ["x", "-1", "1.5", "9223372036854775808", "1_0", "\u0661", "1" * 5000])
def test_bad_sizes(tmp_path: Path, size: str) -> None:
    """A size is decimal digits or nothing."""
    with pytest.raises(ListFormatError, match="line 2"):
        read_text(tmp_path, f"md5,size\n{HEX},{size}\n")


@pytest.mark.parametrize("category", [HEX, "x" * 65, "a\u0007b", b"\xff"])
def test_bad_categories(tmp_path: Path, category: str | bytes) -> None:
    """A category can be shown to an examiner and is not a digest in the wrong column."""
    raw = category.encode() if isinstance(category, str) else category
    with pytest.raises(ListFormatError, match="line 2"):
        read_text(tmp_path, b"md5,category\n" + HEX.encode() + b"," + raw + b"\n", scheme="s")


@pytest.mark.parametrize("header", ["name,size", "md5,md5", "sha1,SHA-1", "md5,size,filesize", "hash,name"])
def test_bad_headers(tmp_path: Path, header: str) -> None:
    """Without a digest column, or with one twice, nothing is guessed."""
    with pytest.raises(ListFormatError):
        read_text(tmp_path, f"{header}\n", "csv", algorithm=MD5)


def test_a_header_by_two_delimiters_is_ambiguous(tmp_path: Path) -> None:
    """The delimiter is not guessed either."""
    with pytest.raises(ListAmbiguous):
        read_text(tmp_path, "md5,x;sha1\n", "csv")
    with pytest.raises(ListContradiction):
        read_text(tmp_path, f"md5,name\n{HEX},x\n", algorithm=SHA1)


ICSE = "MD5;SHA1;PhotoDNA;Image ID;Series name;Baseline\n"


@pytest.mark.parametrize(
    ("flag", "name"),
    [*((f, "baseline") for f in ("y", "YES", "T", "True")), *((f, "not baseline") for f in ("n", "No", "F", "FALSE"))],
)
def test_icse_flags(tmp_path: Path, flag: str, name: str) -> None:
    """The flag is read in any of its spellings."""
    whole = read_text(tmp_path, f"{ICSE}{HEX};{HEX1};;1;s;{flag}\n")
    assert whole.entries[0].category == Category("ICSE", name)


def test_icse_short_rows(tmp_path: Path) -> None:
    """A short row is taken as long as a digest is there; what it lacks is counted."""
    whole = read_text(tmp_path, f"{ICSE}{HEX}\n{HEX};;;1;s\n;{HEX1};;1;s;y\n")
    assert [len(entry.digests) for entry in whole.entries] == [1, 1, 1]
    assert whole.notes == {"short_row": 2, "no_baseline": 2}
    assert whole.dropped == {"Image ID": 2, "Series name": 2}


@pytest.mark.parametrize("row", [f"{HEX};{HEX1};;1;s;maybe", f"{HEX};{HEX1};;1;s;t;y", ";;;1;s;y"])
def test_bad_icse_rows(tmp_path: Path, row: str) -> None:
    """An unknown flag, a row too long and a row without digest are refused with their line."""
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, f"{ICSE}{row}\n")
    assert caught.value.place == 2
