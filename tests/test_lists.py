"""Taking lists in: what is kept, what is held back, what is refused whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from hashmatch.errors import (
    HashmatchError,
    ListAmbiguous,
    ListContradiction,
    ListFormatError,
    ListNotAuthorised,
    StoreUnwritable,
    UsageError,
)
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.hashlists.junk import junk_digests
from hashmatch.lists import verify
from hashmatch.matching import Agreement, decide
from hashmatch.outcomes import Strength
from tests.madeup import MD5, SHA1, SHA256, digests, missed, snapshot, take_in, tree, write_list

FIXTURES = Path(__file__).parent / "hashlists" / "fixtures"
LISTED = digests(100)


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one active list, to see that it is left alone."""
    take_in(settings, write_list(tmp_path / "first", LISTED))
    return settings


def refused(
    settings: Settings, kind: type[HashmatchError], path: Path, match: str | None = None, **declared: Any
) -> None:
    """Check that an import is refused, discloses nothing and leaves the store byte for byte as it was."""
    before = tree(settings.store)
    with pytest.raises(kind, match=match) as caught:
        take_in(settings, path, **{"list_id": "second", **declared})
    assert tree(settings.store) == before
    assert not any(digest.hex() in str(caught.value) for digest in digests(300, "second"))


def test_one_entry_is_a_list(settings: Settings, tmp_path: Path) -> None:
    """The smallest list is imported, verified and found."""
    take_in(settings, write_list(tmp_path / "list", LISTED[:1]))
    assert (missed(settings, LISTED[:1]), missed(settings, LISTED[1:])) == (0, 99)
    assert [v.records for v in verify(settings, None, processes=0)] == [1]


@pytest.mark.parametrize("line", [1, 2, 150, 300])
@pytest.mark.parametrize("wrong", ["", "x"])
def test_a_wrong_line_refuses_the_whole_list(store: Settings, tmp_path: Path, line: int, wrong: str) -> None:
    """A digest too short or too long anywhere is named by its line, and nothing of the list is taken in."""
    texts = [digest.hex() for digest in digests(300, "second")]
    texts[line - 1] = texts[line - 1] + wrong if wrong else texts[line - 1][:-1]
    path = tmp_path / "second"
    path.write_text("\n".join(texts) + "\n")
    refused(
        store, ListFormatError, path, format="plain", match=rf"line {line}: expected 32 .* got {33 if wrong else 31} "
    )


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"# only\n# comments\n", b"\xef\xbb\xbf"])
def test_a_list_without_entries_is_refused(store: Settings, tmp_path: Path, content: bytes) -> None:
    """A list that lists nothing would make everything a no-match."""
    path = tmp_path / "second"
    path.write_bytes(content)
    for declared in ({}, {"format": "plain"}):
        with pytest.raises((ListFormatError, ListAmbiguous)):
            take_in(store, path, list_id="second", **declared)
    refused(store, ListFormatError, path, format="plain")


def test_junk_is_held_back_counted_and_named_by_line(settings: Settings, tmp_path: Path) -> None:
    """Digests of nothing are never listed; the rest of the list is taken in."""
    junk = sorted(junk_digests(MD5))
    content = [*LISTED[:3], junk[0], *LISTED[3:], *junk[1:]]
    imported = take_in(settings, write_list(tmp_path / "list", content))
    manifest = imported.stored.manifest
    assert sum(manifest.quarantined.values()) == len(junk)
    assert manifest.entries == len(LISTED)
    held = [json.loads(line) for line in (imported.stored.directory / "quarantine.jsonl").read_bytes().splitlines()]
    assert [item["place"] for item in held] == [4, *range(102, 102 + len(junk) - 1)]
    assert {item["algorithm"] for item in held} == {"md5"}
    assert {item["reason"] for item in held} == {"all_zero", "empty_file", "filler_block"}
    assert {reason: sum(i["reason"] == reason for i in held) for reason in manifest.quarantined} == manifest.quarantined
    assert missed(settings, junk) == len(junk)
    assert missed(settings, LISTED) == 0


def test_digests_under_several_categories_are_kept_and_counted(settings: Settings, tmp_path: Path) -> None:
    """Where a list contradicts itself, both of what it says is found and the import says how often."""
    first, second, third = (digest.hex() for digest in LISTED[:3])
    path = tmp_path / "table.csv"
    path.write_text(f"md5,category\n{first},1\n{second},1\n{first},2\n{second},1\n{third},\n{third},0\n")
    manifest = take_in(settings, path, algorithm=None, scheme="lab").stored.manifest
    assert (manifest.entries, manifest.duplicates) == (6, 1)
    assert manifest.notes == {"digest_in_several_categories": 2}
    with snapshot(settings) as known:
        found = [sorted(posting.category for _, posting in known.find(MD5, digest)) for digest in LISTED[:3]]
    names = {number: category.name for number, category in enumerate(manifest.categories, 1)}
    assert [[names.get(number) for number in numbers] for numbers in found] == [["1", "2"], ["1"], [None, "0"]]


def test_a_junk_digest_does_not_take_its_entry_along(settings: Settings, tmp_path: Path) -> None:
    """Of an entry with one junk digest the others are kept, as an entry of those alone."""
    sha256 = digests(1, algorithm=SHA256)[0]
    empty = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")
    path = tmp_path / "table.csv"
    path.write_text(f"md5,sha256\n{empty.hex()},{sha256.hex()}\n")
    manifest = take_in(settings, path, algorithm=None).stored.manifest
    assert (manifest.entries, manifest.records, manifest.quarantined) == (1, 1, {"empty_file": 1})
    with snapshot(settings) as known:
        assert decide({MD5: LISTED[0], SHA256: sha256}, None, known) == (Agreement(0, 0, Strength.STRONG),)


def test_a_list_of_junk_alone_is_refused(store: Settings, tmp_path: Path) -> None:
    """Nothing that can be used is left of it."""
    path = write_list(tmp_path / "second", sorted(junk_digests(MD5)))
    refused(store, ListFormatError, path, match="at least one entry")


def test_digests_of_a_record_stay_tied(settings: Settings, tmp_path: Path) -> None:
    """Two algorithms of one record are strong together; of two records, each is weak and the other a conflict."""
    md5, sha1 = digests(2), digests(2, algorithm=SHA1)
    path = tmp_path / "table.csv"
    path.write_text("md5,sha1,size\n" + "".join(f"{m.hex()},{s.hex()},10\n" for m, s in zip(md5, sha1, strict=True)))
    take_in(settings, path, algorithm=None)
    with snapshot(settings) as known:

        def strengths(file: dict[Algorithm, bytes], size: int | None = 10) -> list[Strength]:
            return [agreement.strength for agreement in decide(file, size, known)]

        assert strengths({MD5: md5[0], SHA1: sha1[0]}) == [Strength.STRONG]
        assert strengths({MD5: md5[0], SHA1: sha1[1]}) == [Strength.CONFLICT]
        assert strengths({MD5: md5[0]}) == [Strength.WEAK_ONLY]
        assert strengths({MD5: md5[0], SHA1: digests(1, "else", SHA1)[0]}) == [Strength.CONFLICT]
        assert strengths({MD5: md5[0], SHA1: sha1[0]}, 11) == [Strength.CONFLICT]
        assert strengths({MD5: md5[0], SHA1: sha1[0]}, None) == [Strength.STRONG]
        assert strengths({MD5: digests(1, "else")[0]}) == []


def test_several_categories_of_a_digest_are_all_kept(settings: Settings, tmp_path: Path) -> None:
    """One digest under three categories gives three flags; said twice under one, it is counted once."""
    octets = LISTED[0].hex()
    path = tmp_path / "table.csv"
    path.write_text(f"md5,category\n{octets},1\n{octets},2\n{octets},1\n{octets.upper()},9\n")
    manifest = take_in(settings, path, algorithm=None, scheme="lab").stored.manifest
    assert (manifest.entries, manifest.duplicates, manifest.records) == (4, 1, 1)
    with snapshot(settings) as known:
        found = decide({MD5: LISTED[0]}, None, known)
        named = [known.lists[a.list_number].categories[a.category] for a in found]
    assert named == [Category("lab", "1"), Category("lab", "2"), Category("lab", "9")]


def test_one_category_for_the_whole_list(settings: Settings, tmp_path: Path) -> None:
    """A category that the person gives stands for every entry, and needs its scheme."""
    path = write_list(tmp_path / "list", LISTED)
    with pytest.raises(UsageError, match="--scheme"):
        take_in(settings, path, category="2")
    take_in(settings, path, scheme="lab", category="2")
    with snapshot(settings) as known:
        (agreement,) = decide({MD5: LISTED[50]}, None, known)
        assert known.lists[0].categories[agreement.category] == Category("lab", "2")


def test_digests_of_both_a_notable_and_a_known_list_are_counted(settings: Settings, tmp_path: Path) -> None:
    """The overlap is reported by whichever list comes second, and both lists are answered with."""
    take_in(settings, write_list(tmp_path / "bad", LISTED), list_id="bad")
    good = write_list(tmp_path / "good", [*LISTED[:7], *digests(50, "good")])
    imported = take_in(settings, good, list_id="good", list_type=ListType.KNOWN)
    (found,) = imported.stored.manifest.contradictions
    assert (found.list, found.release, found.type, found.digests) == ("bad", "1", ListType.NOTABLE, 7)
    assert take_in(settings, good, list_id="same").stored.manifest.contradictions[0].list == "good"
    assert take_in(settings, good, list_id="any", list_type=ListType.UNCATEGORISED).stored.manifest.contradictions == ()
    with snapshot(settings) as known:
        found_in = {known.lists[number].list_id for number, _ in known.find(MD5, LISTED[0])}
    assert found_in == {"any", "bad", "good", "same"}


def test_an_unsigned_list_needs_a_person_to_answer_for_it(store: Settings, tmp_path: Path) -> None:
    """Without --unsigned nothing is imported; with it, the manifest says so."""
    path = write_list(tmp_path / "second", digests(10, "second"))
    refused(store, ListNotAuthorised, path, match="--unsigned", unsigned=False)
    assert take_in(store, path, list_id="second").stored.manifest.signature == "unsigned"


def test_a_list_that_contradicts_its_declared_type_is_refused(store: Settings) -> None:
    """A set of notable media is never a list of known files, and a declared algorithm binds."""
    vics = FIXTURES / "vics20_hashset_bom.json"
    refused(store, ListContradiction, vics, algorithm=None, list_type=ListType.KNOWN)
    refused(store, ListContradiction, FIXTURES / "xways_sha1.txt", algorithm=MD5)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", "-a", "a b", "é", "a" * 65, "a\n"])
def test_a_list_id_that_is_no_name_is_refused(store: Settings, tmp_path: Path, name: str) -> None:
    """It becomes the name of a directory."""
    refused(store, UsageError, tmp_path / "first", list_id=name)


@pytest.mark.parametrize("release", ["", "a\nb", "\x1b[31m", "x" * 129, "\u2028"])
def test_a_release_that_cannot_be_shown_is_refused(store: Settings, tmp_path: Path, release: str) -> None:
    """It is printed in reports and on terminals."""
    refused(store, UsageError, tmp_path / "first", release=release)


def damaged(path: Path, kind: str) -> None:
    """Cut a file in the middle, or overwrite a stretch of it."""
    content = path.read_bytes()
    if kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-200] + b"\xff" * 150 + content[-50:])


@pytest.mark.parametrize("kind", ["cut", "overwritten"])
@pytest.mark.parametrize(
    "name", ["vics13_hashset.json", "vics20_hashset_bom.json", "RDS_2099.03.1_synthetic_minimal.db"]
)
def test_a_cut_or_damaged_document_is_refused_whole(store: Settings, tmp_path: Path, name: str, kind: str) -> None:
    """What stands before the damage is not taken in either."""
    path = Path(shutil.copy(FIXTURES / name, tmp_path / "second"))
    if name.endswith("db"):
        grow_database(path)
    damaged(path, kind)
    declared = {"list_type": ListType.KNOWN if name.endswith("db") else ListType.NOTABLE}
    refused(store, ListFormatError, path, algorithm=None, **declared)


def grow_database(path: Path) -> None:
    """Fill a minimal RDS so that it has many pages to lose."""
    with sqlite3.connect(path) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(FILE)")]
        (sample,) = database.execute("SELECT * FROM FILE LIMIT 1").fetchall()
        for n in range(2_000):
            row = dict(zip(columns, sample, strict=True))
            for column, algorithm in (("sha256", SHA256), ("sha1", SHA1), ("md5", MD5)):
                row[column] = digests(1, f"row {n}", algorithm)[0].hex().upper()
            database.execute(f"INSERT INTO FILE VALUES ({','.join('?' * len(columns))})", list(row.values()))
    database.close()


def test_what_is_no_list_file_is_refused(store: Settings, tmp_path: Path) -> None:
    """Absent, a directory, a pipe: an error at once, and no waiting."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path / "absent", tmp_path, fifo, Path("/dev/null")):
        refused(store, ListFormatError, path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the faults tests drop its rights")
def test_a_store_without_permission_is_an_error(settings: Settings, tmp_path: Path) -> None:
    """The message says what was refused, and nothing is half made."""
    path = write_list(tmp_path / "list", LISTED)
    settings.store.mkdir(mode=0o500)
    with pytest.raises(StoreUnwritable, match="Permission denied"):
        take_in(settings, path)
    assert list(settings.store.iterdir()) == []
