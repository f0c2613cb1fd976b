"""NSRL databases: read in one scan, refused when cut, damaged or still open elsewhere."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import HashmatchError, ListFormatError
from hashmatch.hashlists.nsrl import _GROUPED, _query

from .lists import FIXTURES, MD5, SHA1, SHA256, read, read_text

MINIMAL = FIXTURES / "RDS_2099.03.1_synthetic_minimal.db"
FULL = FIXTURES / "RDS_2099.03.1_synthetic_full.db"


def changed(tmp_path: Path, *statements: str, source: Path = MINIMAL) -> Path:
    path = tmp_path / "changed.db"
    path.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


def test_the_minimal_set_is_one_scan_of_its_index() -> None:
    """No temporary index is built over hundreds of millions of rows."""
    with closing(sqlite3.connect(f"file:{MINIMAL}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = bytes
        assert _query(database) == _GROUPED
        plan = [bytes(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {_GROUPED}")]
    assert len(plan) == 1
    assert b"COVERING INDEX" in plan[0]


def test_a_table_without_the_index_is_read_row_by_row(tmp_path: Path) -> None:
    """Without NIST's index every row is an entry, and nothing is sorted."""
    path = changed(tmp_path, "CREATE TABLE F2 AS SELECT * FROM FILE", "DROP VIEW DISTINCT_HASH", "DROP TABLE FILE",
                   "ALTER TABLE F2 RENAME TO FILE")  # fmt: skip
    assert len(read(path).entries) == 8


def test_sizes_that_disagree_are_not_given(tmp_path: Path) -> None:
    """A size is a second check only where all rows of a file agree on it."""
    path = changed(tmp_path, "UPDATE FILE SET file_size = 18 WHERE file_name = 'alias-fixture-1.bin'")
    whole = read(path)
    assert sorted(entry.size or 0 for entry in whole.entries) == [0, 17, 17, 17]
    assert whole.notes == {"sizes_differ": 1}


@pytest.mark.parametrize("name", ["a?b#c%d.db", "sp ace & '\"\\.db", "caf\u00e9.db", "\udcff\udce9.db"])
def test_paths_of_any_bytes(tmp_path: Path, name: str) -> None:
    """A path is bytes; none of them means anything to the database's address."""
    folder = tmp_path / "f?mode=rwc#"
    folder.mkdir()
    (folder / name).write_bytes(MINIMAL.read_bytes())
    assert len(read(folder / name).entries) == 4
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize("path", [MINIMAL, FULL], ids=["minimal", "full"])
def test_a_cut_database_is_never_a_shorter_list(tmp_path: Path, path: Path) -> None:
    """Wherever a download ends early, nothing is taken in."""
    raw = path.read_bytes()
    for end in [*range(0, 200, 7), *range(200, len(raw), 1021), *range(4096, len(raw), 4096), len(raw) - 1]:
        with pytest.raises(ListFormatError):
            read_text(tmp_path, raw[:end], "nsrl")
    with pytest.raises(ListFormatError):
        read_text(tmp_path, raw + b"\0" * 4096, "nsrl")


@given(st.integers(0, 1 << 20), st.integers(0, 255))
def test_a_changed_byte_raises_nothing_foreign(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    """A damaged database gives entries or an error of ours."""
    raw = bytearray(MINIMAL.read_bytes())
    raw[place % len(raw)] = byte
    with suppress(HashmatchError):
        read_text(tmp_path_factory.mktemp("t"), bytes(raw), "nsrl")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE FILE SET md5 = substr(md5, 2) WHERE file_name LIKE '%1.bin'",
        "UPDATE FILE SET sha1 = 'x' || substr(sha1, 2) WHERE file_name LIKE '%1.bin'",
        "UPDATE FILE SET sha256 = x'00' WHERE file_name LIKE '%1.bin'",
        "UPDATE FILE SET md5 = 7 WHERE file_name LIKE '%1.bin'",
        "UPDATE FILE SET file_size = 'x' WHERE file_name LIKE '%1.bin'",
        "UPDATE FILE SET file_size = -1 WHERE file_name LIKE '%1.bin'",
    ],
)
def test_bad_rows(tmp_path: Path, statement: str) -> None:
    """A row that is not what the schema promises is refused with its number."""
    with pytest.raises(ListFormatError) as caught:
        read(changed(tmp_path, statement))
    assert caught.value.unit == "record"
    assert caught.value.place is not None


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_a_database_with_pending_changes_is_refused(tmp_path: Path, suffix: str) -> None:
    """Changes that stand in another file would be missed."""
    path = changed(tmp_path)
    Path(f"{path}{suffix}").write_bytes(b"x")
    with pytest.raises(ListFormatError, match=suffix):
        read(path)


def test_other_databases_are_refused(tmp_path: Path) -> None:
    """A database without FILE, or with a FILE of other columns, is no RDS."""
    for statement in ("CREATE TABLE x (a)", "CREATE TABLE FILE (a)", "CREATE VIEW FILE AS SELECT 1"):
        path = tmp_path / "other.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)
        with pytest.raises(ListFormatError):
            read(path)


def test_the_view_folds_case_and_joins_nothing_twice() -> None:
    """METADATA has digests in lower case; entries are octets."""
    assert {frozenset(entry.digests) for entry in read(FULL).entries} == {frozenset({MD5, SHA1, SHA256})}
