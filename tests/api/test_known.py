"""What is said of known files: all that their lists say, and nothing of lists of another type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.api.known import check_answerable, known_files, known_lists, marks, replies
from hashmatch.api.nsrl_protocol import Query, Session
from hashmatch.api.problems import RequestRefused
from hashmatch.config import Settings
from hashmatch.errors import NoActiveList
from hashmatch.hashlists.entries import ListType
from hashmatch.store.snapshot import Snapshot
from tests.madeup import MD5, SHA1, SHA256, digests, snapshot, take_in, write_list

KNOWN = {MD5: digests(30, "known"), SHA1: digests(30, "known", SHA1)}
NOTABLE, ABSENT = digests(30, "notable"), digests(30, "absent")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three lists: of notable files, of known files with two digests and a size, and of known files once more."""
    place = tmp_path_factory.mktemp("known")
    settings = Settings(place / "store", place / "sealing.key")
    take_in(settings, write_list(place / "notable", [*NOTABLE, KNOWN[MD5][0]]), list_id="a-notable")
    rows = [f"{md5.hex()},{sha1.hex()},{100 + n}" for n, (md5, sha1) in enumerate(zip(*KNOWN.values(), strict=True))]
    (place / "table.csv").write_text("\n".join(["md5,sha1,size", *rows]) + "\n")
    take_in(settings, place / "table.csv", "reference", "2026.1", list_type=ListType.KNOWN, algorithm=None)
    take_in(settings, write_list(place / "more", KNOWN[MD5][:5]), "software", "7", list_type=ListType.KNOWN)
    return settings


@pytest.fixture(scope="module")
def opened(store: Settings) -> Iterator[Snapshot]:
    with snapshot(store) as known:
        yield known


def lists_of(known: Snapshot) -> list[list[int]]:
    """Return the numbers of the lists that each known MD5 is found in."""
    found = known.find_all(MD5, b"".join(KNOWN[MD5]))
    return [[number for number, _ in found.statements[n]] for n in found.numbers]


def test_known_files_alone_are_listed(opened: Snapshot) -> None:
    """A digest of a notable list is as one that nobody has; one of both types is what the known list says."""
    asked = [*KNOWN[MD5], *NOTABLE, *ABSENT]
    assert marks(opened, MD5, b"".join(asked)) == b"1" * 30 + b"0" * 60
    assert list(map(bool, opened.find_all(MD5, b"".join(asked)).numbers)) == [True] * 60 + [False] * 30
    assert known_files(opened, MD5, NOTABLE) == [None] * 30


def test_lists_keep_their_numbers_in_the_view(opened: Snapshot) -> None:
    """What is found through the view and through the whole snapshot, in either order, names the same lists."""
    for _ in range(2):
        assert lists_of(opened.known) == [[1, 2]] * 5 + [[1]] * 25
        assert lists_of(opened) == [[0, 1, 2]] + [[1, 2]] * 4 + [[1]] * 25
    assert opened.known.snapshot_id == opened.snapshot_id
    assert opened.known.lists == opened.lists


@given(st.lists(st.lists(st.integers(0, 119), max_size=20), max_size=6), st.randoms())
def test_queries_together_are_answered_as_each_alone(opened: Snapshot, lines: list[list[int]], chance: Random) -> None:
    """Lines of any length, with MD5s and SHA-1s mixed: each digit is that of its own digest."""
    pool = [*KNOWN[MD5], *KNOWN[SHA1], *NOTABLE, *ABSENT]
    text = "".join(" ".join(["query", *(pool[n].hex() for n in line)]) + "\n" for line in lines)
    queries = [step for step in Session().take(text.encode()) if isinstance(step, Query)]
    expected = ["OK " + "".join("1" if n < 60 else "0" for n in line) + "\r\n" for line in lines]
    assert replies(opened, queries) == [line.encode() for line in expected]


def test_a_known_file_has_what_its_lists_say(opened: Snapshot) -> None:
    """The digest asked for, the size, each list that has it with its release; no name, and no other digest."""
    expected = {"MD5": KNOWN[MD5][9].hex().upper(), "FileSize": "109", "source": "reference", "db": "reference 2026.1"}
    absent, found, in_two = known_files(opened, MD5, [ABSENT[0], KNOWN[MD5][9], KNOWN[MD5][0]])
    assert absent is None
    assert found == expected
    assert in_two is not None
    assert (in_two["source"], in_two["db"]) == ("reference, software", "reference 2026.1, software 7")
    del expected["MD5"]
    assert known_files(opened, SHA1, [KNOWN[SHA1][9]]) == [expected | {"SHA-1": KNOWN[SHA1][9].hex().upper()}]
    assert known_lists(opened) == ["reference 2026.1", "software 7"]


def test_sizes_that_differ_are_not_chosen_from(settings: Settings, tmp_path: Path) -> None:
    """Where two entries give a digest two sizes, none of them is said to be the file's."""
    digest = KNOWN[MD5][0]
    for name, size in (("one", 5), ("two", 6)):
        (tmp_path / name).write_text(f"md5,size\n{digest.hex()},{size}\n")
        take_in(settings, tmp_path / name, name, list_type=ListType.KNOWN, algorithm=None)
    with snapshot(settings) as known:
        (found,) = known_files(known, MD5, [digest])
        assert found is not None
        assert set(found) == {"MD5", "source", "db"}


def test_what_no_list_has_is_refused(opened: Snapshot) -> None:
    """Of an algorithm that no known list has, "not listed" would say nothing; it is refused, alone or among others."""
    for asked in ([SHA256], [MD5, SHA256]):
        with pytest.raises(RequestRefused, match="no active list of known files has a digest of sha256"):
            check_answerable(opened, asked)
    check_answerable(opened, [MD5, SHA1])


def test_without_a_list_of_known_files_nothing_is_answered(settings: Settings, tmp_path: Path) -> None:
    """A store of other lists is not an empty reference set."""
    take_in(settings, write_list(tmp_path / "notable", NOTABLE))
    with snapshot(settings) as known:
        with pytest.raises(NoActiveList, match="no list of known files"):
            replies(known, [Query(1, {MD5: NOTABLE[0]}, {})])
        assert marks(known, MD5, b"".join(NOTABLE)) == b"0" * 30
