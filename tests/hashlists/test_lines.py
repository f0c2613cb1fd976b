"""The line formats: what is written is read, what is damaged is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import ListAmbiguous, ListContradiction, ListFormatError, UsageError
from hashmatch.hashlists.checksums import ChecksumLines
from hashmatch.hashlists.hashdeep import HashdeepLines
from hashmatch.hashlists.md5deep import Md5deepLines
from hashmatch.hashlists.plain import PlainLines
from hashmatch.hashlists.text import LineBlock

from .lists import EXPECTED, MD5, SHA1, SHA256, Entry, entries_of, read_text

HEX = EXPECTED[0]["md5"]
HEX256 = EXPECTED[0]["sha256"]

# Names as files have them: any byte but NUL and slash, with those that break parsers more often than not.
NAMES = st.lists(
    st.sampled_from([b" ", b"\\", b"\n", b"\r", b"(", b") = ", b"*", b",", b"#", b"\xff", b"\xe9", b"a", b")= ", b'"'])
    | st.binary(min_size=1, max_size=3).filter(lambda b: b"\0" not in b),
    min_size=1,
    max_size=6,
).map(b"".join)
CLEAN_NAMES = NAMES.map(lambda name: re.sub(rb"[\r\n]", b"_", name)).filter(lambda name: name.strip() != b"")
SIZES = st.integers(0, 2**63 - 1)


def digests(algorithm: Algorithm) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=algorithm.size, max_size=algorithm.size)


def gnu_line(octets: bytes, name: bytes, mark: bytes) -> bytes:
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + octets.hex().encode() + b" " + mark + escaped + b"\n"


def bsd_line(algorithm: Algorithm, octets: bytes, name: bytes) -> bytes:
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + algorithm.name.encode() + b" (" + escaped + b") = " + octets.hex().upper().encode() + b"\n"


def parsed(parser: Any, data: bytes) -> list[Entry]:
    return entries_of(parser.parse(LineBlock(1, data)))


@given(st.lists(digests(SHA1), min_size=1), st.sampled_from([str.upper, str.lower]))
def test_plain_lists_are_read_back(octets: list[bytes], case: Any) -> None:
    """Writing a plain list and reading it changes nothing, in either case of digits."""
    data = "".join(case(o.hex()) + "\n" for o in octets).encode()
    assert [entry.digests[SHA1] for entry in parsed(PlainLines(SHA1), data)] == octets


@given(st.lists(st.tuples(digests(MD5), NAMES, st.sampled_from([b" ", b"*"])), min_size=1))
def test_gnu_checksums_are_read_back(rows: list[tuple[bytes, bytes, bytes]]) -> None:
    """No name, however hostile, hides or changes a digest."""
    data = b"".join(gnu_line(*row) for row in rows)
    assert [entry.digests[MD5] for entry in parsed(ChecksumLines(MD5), data)] == [row[0] for row in rows]


@given(st.data(), st.lists(st.tuples(st.sampled_from(ALL_ALGORITHMS), NAMES), min_size=1))
def test_tagged_checksums_are_read_back(data: st.DataObject, rows: list[tuple[Algorithm, bytes]]) -> None:
    """Algorithms may change from line to line, and names may look like lines."""
    wanted = [(algorithm, data.draw(digests(algorithm)), name) for algorithm, name in rows]
    text = b"".join(bsd_line(*row) for row in wanted)
    assert [entry.digests for entry in parsed(ChecksumLines(None), text)] == [{a: o} for a, o, _ in wanted]


@given(st.lists(st.tuples(SIZES, digests(SHA256), CLEAN_NAMES), min_size=1))
def test_md5deep_lists_are_read_back(rows: list[tuple[int, bytes, bytes]]) -> None:
    """Sizes come along, whatever their width."""
    data = b"".join(b"%10d  %s  %s\n" % (size, octets.hex().encode(), name) for size, octets, name in rows)
    assert [(e.size, e.digests[SHA256]) for e in parsed(Md5deepLines(SHA256), data)] == [row[:2] for row in rows]


@given(st.lists(st.tuples(SIZES, digests(MD5), digests(SHA1), CLEAN_NAMES), min_size=1))
def test_hashdeep_lists_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, bytes, bytes, bytes]]
) -> None:
    """Unknown algorithms are dropped and counted, commas belong to the name."""
    head = b"%%%% HASHDEEP-1.0\n%%%% size,sha1,whirlpool,md5,filename\n## x\n"
    line = b"%d,%s,%s,%s,%s\n"
    data = b"".join(line % (n, sha1.hex().encode(), b"00" * 64, md5.hex().encode(), f) for n, md5, sha1, f in rows)
    whole = read_text(tmp_path_factory.mktemp("t"), head + data)
    assert whole.entries == [Entry(i, {MD5: r[1], SHA1: r[2]}, r[0]) for i, r in enumerate(rows, 4)]
    assert whole.dropped == {"whirlpool": len(rows), "filename": len(rows)}


LINES = st.lists(
    st.one_of(
        st.tuples(digests(MD5), NAMES).map(lambda t: gnu_line(*t, b" ")),
        st.tuples(digests(MD5), NAMES).map(lambda t: bsd_line(MD5, *t)),
        st.tuples(digests(MD5), CLEAN_NAMES).map(lambda t: b"%10d  %s  %s\n" % (7, t[0].hex().encode(), t[1])),
        st.tuples(digests(MD5), CLEAN_NAMES).map(lambda t: b"7,%s,%s\n" % (t[0].hex().encode(), t[1])),
        digests(MD5).map(lambda o: o.hex().encode() + b"\n"),
        st.sampled_from(
            [b"\n", b"# c\n", b"\0\n", b"   \n", b"x\n", HEX.encode() + b"  \n", HEX.encode() + b"  a\0\n"]
        ),
        st.binary(max_size=80).map(lambda b: b.replace(b"\n", b"") + b"\n"),
    ),
    min_size=1,
    max_size=5,
).map(b"".join)


@pytest.mark.parametrize(
    "parser",
    [
        PlainLines(MD5),
        ChecksumLines(MD5),
        ChecksumLines(None),
        Md5deepLines(MD5),
        HashdeepLines(("size", "md5", "filename")),
    ],
    ids=lambda parser: type(parser).__name__,
)
@given(data=LINES)
def test_the_fast_path_reads_what_the_slow_one_reads(parser: Any, data: bytes) -> None:
    """Where the fast path takes a block, the slow one gives the same entries and counts."""
    block = LineBlock(5, data)
    fast = parser.parse_fast(block)
    if fast is not None:
        slow = parser.parse_slowly(block)
        assert entries_of(fast) == entries_of(slow)
        assert (dict(fast.dropped), dict(fast.notes)) == (dict(slow.dropped), dict(slow.notes))


@pytest.mark.parametrize(
    "damaged",
    [
        HEX[:-1],
        HEX + "0",
        "0x" + HEX[2:],
        HEX[:15] + "_" + HEX[16:],
        HEX[:15] + " " + HEX[16:],
        HEX[:16] + " " + HEX[16:],
        HEX[:-1] + "\u0661",
        HEX[:-2] + "\u0661",
        HEX[:15] + "\0" + HEX[16:],
        HEX[:15] + "\r" + HEX[16:],
        HEX + "\r" + HEX,
        HEX256,
        "'" + HEX,
    ],
)
@pytest.mark.parametrize(
    ("shape", "format_name"),
    [("{}", "plain"), ("{}  n", "checksums"), ("MD5 (n) = {}", "checksums"), ("7  {}  n", "md5deep"),
     ("7,{},n", "hashdeep"), ("{},x", "csv"), ("{};;x;y", "icse")],
)  # fmt: skip
def test_a_damaged_digest_is_refused_with_its_line(tmp_path: Path, damaged: str, shape: str, format_name: str) -> None:
    """The error names the line and never shows a digit of the list."""
    heads = {
        "hashdeep": "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n",
        "csv": "md5,name\n",
        "icse": "MD5;SHA1;Image ID;Baseline\n",
    }
    good = shape.format(HEX).replace(";x;y", ";x;no") + "\n"
    head = heads.get(format_name, "")
    text = head + good * 4 + shape.format(damaged).replace(";x;y", ";x;no") + "\n" + good
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, text, format_name, algorithm=MD5)
    assert caught.value.place == head.count("\n") + 5
    assert not re.search("[0-9A-Fa-f]{8}", str(caught.value))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f"SHA512 (a) = {'0' * 128}\n", 1, "SHA512"),
        (f"MD5 (a) = {HEX}\n" * 2000 + f"{HEX}  b\n", 2001, "--algorithm"),
        (f"MD5 (a) = {HEX}\rMD5 (b) = {HEX}\n", 1, "carriage return"),
        (f"MD5 (a) = {HEX}\nMD5 a = {HEX}\n", 2, "tagged line"),
    ],
)
def test_bad_tagged_lines(tmp_path: Path, text: str, place: int, words: str) -> None:
    """Tags that are not read, missing tags and joined lines are refused where they stand."""
    with pytest.raises(ListFormatError, match=words) as caught:
        read_text(tmp_path, text, "checksums")
    assert caught.value.place == place


@pytest.mark.parametrize("separator", ["\r", "\0"])
def test_entries_joined_by_other_line_ends_are_not_lost(tmp_path: Path, separator: str) -> None:
    """Lists with old line ends, or of `md5sum -z`, would otherwise read as one entry."""
    with pytest.raises(ListFormatError):
        read_text(tmp_path, separator.join([f"{HEX}  a"] * 3) + separator, "checksums", algorithm=MD5)


def test_an_icon_file_of_macos_is_read(tmp_path: Path) -> None:
    """A name may end in a carriage return."""
    assert len(read_text(tmp_path, f"MD5 (Icon\r) = {HEX}\nMD5 (b) = {HEX}\n").entries) == 2


@pytest.mark.parametrize(
    "line",
    [
        f"7,{HEX},/x/a offset 0-511",
        f"7,{HEX}",
        f"x,{HEX},a",
        f"-7,{HEX},a",
        f"9223372036854775808,{HEX},a",
        f"7,{HEX},",
        "%%%% HASHDEEP-1.0",
    ],
)
def test_bad_hashdeep_lines(tmp_path: Path, line: str) -> None:
    """Block digests, missing columns, impossible sizes and joined lists are refused with their line."""
    head = f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n7,{HEX},a\n"
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, head + line + "\n")
    assert caught.value.place == 4


@pytest.mark.parametrize(
    "columns", ["size,tiger,filename", "md5,filename", "size,md5", "size,md5,md5,filename", "size,sha1,sha-1,filename"]
)
def test_bad_hashdeep_headers(tmp_path: Path, columns: str) -> None:
    """A header without a usable digest, or with one twice, is refused."""
    with pytest.raises(ListFormatError) as caught:
        read_text(tmp_path, f"%%%% HASHDEEP-1.0\n%%%% {columns}\n")
    assert caught.value.place == 2


@pytest.mark.parametrize("text", [f"{HEX}\n", f"{HEX}  a\n", f"       7  {HEX}  a\n"])
def test_length_does_not_name_the_algorithm(tmp_path: Path, text: str) -> None:
    """Thirty-two digits need a person to say what they are."""
    with pytest.raises(ListAmbiguous, match="--algorithm"):
        read_text(tmp_path, text)


def test_two_readings_are_none(tmp_path: Path) -> None:
    """A list whose lines have two shapes is refused until a person names one."""
    with pytest.raises(ListAmbiguous, match="--format"):
        read_text(tmp_path, f"{HEX}\n{HEX}  a\n", algorithm=MD5)


def test_what_the_list_says_stands_against_the_person(tmp_path: Path) -> None:
    """A tag that differs from --algorithm is a contradiction, in the fast path too."""
    for text in (f"SHA256 (a) = {HEX256}\n", f"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n7,{HEX256},a\n"):
        with pytest.raises(ListContradiction):
            read_text(tmp_path, text, algorithm=MD5)


def test_scheme_and_category_go_together(tmp_path: Path) -> None:
    """A list without categories takes one for all entries, with its scheme."""
    read_text(tmp_path, f"{HEX}\n", algorithm=MD5, scheme="s", category="c")
    for said in ({"scheme": "s"}, {"category": "c"}):
        with pytest.raises(UsageError):
            read_text(tmp_path, f"{HEX}\n", algorithm=MD5, **said)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_an_empty_list_has_no_format(tmp_path: Path, text: str) -> None:
    """A list without entries is recognised as nothing; read by name it has none."""
    with pytest.raises(ListFormatError):
        read_text(tmp_path, text, algorithm=MD5)
    assert read_text(tmp_path, text, "plain", algorithm=MD5).entries == []
    with pytest.raises(UsageError):
        read_text(tmp_path, text, "no such format")


def test_a_name_that_begins_with_a_delimiter_makes_no_table(tmp_path: Path) -> None:
    """Recognition does not take a checksum line for a table's row."""
    assert read_text(tmp_path, f"{HEX}  ;a\n{HEX}  ,b\n", algorithm=MD5).format_name == "checksums"
