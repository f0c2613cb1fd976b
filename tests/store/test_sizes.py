"""The sizes of a list's entries: all of them, nothing else, and never from a file that is not what was sealed."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.errors import StoreDamaged, UsageError
from hashmatch.hashlists.postings import Posting
from hashmatch.lists import Imported, verify
from hashmatch.store.manifest import canonical, fingerprint
from hashmatch.store.postings import MAX_FILE_SIZE, encode
from hashmatch.store.sizes import DistinctSizes, SizesCheck
from tests.madeup import SHA1, digests, snapshot, take_in, write_list

LISTED = digests(500)
SIZES = [random.Random(number).randrange(1, 300) for number in range(400)] + [2**33 + n for n in range(100)]

numbers = st.integers(0, MAX_FILE_SIZE) | st.integers(0, 20)


def u64(sizes: Iterable[int]) -> bytes:
    return array("Q", sizes).tobytes()


def sized_list(
    settings: Settings, directory: Path, sizes: Iterable[int | None] = SIZES, list_id: str = "sized"
) -> Imported:
    """Take in a table of digests with their sizes."""
    path = directory / f"{list_id}.csv"
    rows = [f"{md5.hex()},{'' if size is None else size}\n" for md5, size in zip(LISTED, sizes, strict=False)]
    path.write_text("md5,size\n" + "".join(rows))
    return take_in(settings, path, list_id, algorithm=None)


def known_sizes(settings: Settings) -> bytes:
    with snapshot(settings) as known:
        return known.sizes()


@hypothesis_settings(deadline=None)
@given(st.lists(st.lists(numbers, max_size=30)), st.integers(2, 40))
def test_each_size_is_written_once_ascending(parts: list[list[int]], gathered: int) -> None:
    """However many fit in memory, the file holds the set of what was added, and of the runs nothing is lost."""
    with TemporaryDirectory() as temporary:
        sizes = DistinctSizes(Path(temporary), gathered=gathered)
        for part in parts:
            sizes.add(np.array(part, np.uint64))
        sizes.write(Path(temporary) / "sizes.bin")
        content = (Path(temporary) / "sizes.bin").read_bytes()
    assert np.frombuffer(content, "<u8").tolist() == sorted({size for part in parts for size in part})


def test_runs_larger_than_a_block_are_merged_whole(tmp_path: Path) -> None:
    """Three runs of which two go on when the first has ended: every number once."""
    chance = np.random.default_rng(1)
    parts = [chance.integers(0, limit, 200_000, np.uint64) for limit in (2**20, 2**40, 2**63)]
    sizes = DistinctSizes(tmp_path, gathered=200_000)
    for part in parts:
        sizes.add(part)
    assert len(list(tmp_path.iterdir())) == 3
    sizes.write(tmp_path / "sizes.bin")
    assert np.array_equal(np.fromfile(tmp_path / "sizes.bin", "<u8"), np.unique(np.concatenate(parts)))


@pytest.mark.parametrize("processes", [0, 2])
def test_an_import_keeps_every_size(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """The sizes of all entries, duplicates and several algorithms included, with and without worker processes."""
    monkeypatch.setattr("hashmatch.lists.SMALL_LIST", 0)
    path = tmp_path / "table.csv"
    rows = [*zip(LISTED, digests(500, algorithm=SHA1), SIZES, strict=True)]
    lines = [f"{md5.hex()},{sha1.hex() if size % 2 else ''},{size}\n" for md5, sha1, size in [*rows, *rows[:50]]]
    path.write_text("md5,sha1,size\n" + "".join(lines))
    manifest = take_in(settings, path, algorithm=None, processes=processes).stored.manifest
    assert (manifest.entries, manifest.sized_entries, manifest.duplicates) == (550, 550, 50)
    assert known_sizes(settings) == u64(sorted(set(SIZES)))
    assert verify(settings, None, processes=processes)[0].records == manifest.records


def test_the_sizes_of_several_lists_are_united(settings: Settings, tmp_path: Path) -> None:
    """A size that only one of the lists has is a size of the snapshot."""
    sized_list(settings, tmp_path, [7, 5, 5, 2**40])
    sized_list(settings, tmp_path, [2**60, 5], "other")
    assert known_sizes(settings) == u64([5, 7, 2**40, 2**60])


def test_entries_of_junk_alone_count_for_nothing(settings: Settings, tmp_path: Path) -> None:
    """An entry that keeps no digest can match nothing: neither its size nor the lack of one counts."""
    path = tmp_path / "table.csv"
    empty = "d41d8cd98f00b204e9800998ecf8427e"
    path.write_text(f"md5,size\n{LISTED[0].hex()},5\n{empty},0\n{'0' * 32},\n{'0' * 32},77\n")
    manifest = take_in(settings, path, algorithm=None).stored.manifest
    assert (manifest.entries, manifest.sized_entries) == (1, 1)
    assert known_sizes(settings) == u64([5])


def test_a_list_without_all_sizes_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    """One entry without a size is enough; the message says which list and how many, and no file is kept for it."""
    sized_list(settings, tmp_path)
    imported = sized_list(settings, tmp_path, [5, None, 7, None], "partly")
    assert not (imported.stored.directory / "sizes.bin").exists()
    with pytest.raises(UsageError, match="list partly release 1 gives no size for 2 of its 4 entries"):
        known_sizes(settings)
    take_in(settings, write_list(tmp_path / "plain", LISTED), "partly", "2")
    with pytest.raises(UsageError, match="list partly release 2 gives no size for 500 of its 500 entries"):
        known_sizes(settings)
    verify(settings, None, processes=0)


def test_a_size_that_can_only_be_wrong_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Digests of the empty file are held back, so 0 stands for a size that is not known: any file could be listed."""
    sized_list(settings, tmp_path, [5, 0, 7])
    with pytest.raises(UsageError, match="size of 0 bytes"):
        known_sizes(settings)
    verify(settings, None, processes=0)


def test_a_generation_from_before_sizes_were_kept_still_serves(settings: Settings, tmp_path: Path) -> None:
    """It opens, answers and verifies as ever; only its sizes are refused."""
    stored = sized_list(settings, tmp_path).stored
    manifest = json.loads((stored.directory / "manifest.json").read_bytes())
    del manifest["sizes"]
    (stored.directory / "sizes.bin").unlink()
    content = canonical(manifest)
    (stored.directory / "manifest.json").write_bytes(content)
    renamed = stored.directory.rename(stored.directory.with_name(f"000001-{fingerprint(content)[:16]}"))
    active = json.loads((settings.store / "active.json").read_bytes())
    active["generations"][0] |= {"generation": renamed.name, "manifest_sha256": fingerprint(content)}
    active["check"] = fingerprint(canonical(active["generations"]))
    (settings.store / "active.json").write_bytes(canonical(active))
    with snapshot(settings) as known:
        assert all(known.find(known.algorithms[0], digest) for digest in LISTED)
    verify(settings, None, processes=0)
    with pytest.raises(UsageError, match="import it again"):
        known_sizes(settings)


def test_no_damage_to_the_sizes_hides_one(settings: Settings, tmp_path: Path) -> None:
    """Each flipped byte, a number too few or too many, a file gone: an error for who asks, and for `verify`."""
    path = sized_list(settings, tmp_path).stored.directory / "sizes.bin"
    content = path.read_bytes()
    chance = random.Random(3)
    flipped = [bytearray(content) for _ in range(60)]
    for each in flipped:
        each[chance.randrange(len(content))] ^= chance.randrange(1, 256)
    for changed in (*flipped, content[:-1], content[8:], content + content[-8:], b"", None):
        path.unlink() if changed is None else path.write_bytes(changed)
        with pytest.raises(StoreDamaged, match=r"sizes\.bin"):
            known_sizes(settings)
        with pytest.raises(StoreDamaged, match=r"sizes\.bin"):
            verify(settings, None, processes=0)
    path.write_bytes(content)
    assert known_sizes(settings) == u64(sorted(set(SIZES)))


def values(*sizes: int | None) -> bytes:
    """Return the values of keys that have two postings each, one of an even line and one of an odd."""
    return b"".join(encode([Posting(2, 1, 0, size), Posting(3, 1, 0, size)]) for size in sizes)


@pytest.mark.parametrize(
    ("kept", "postings"),
    [([5], [5, 7]), ([5, 7, 9], [5, 7]), ([5, 7], [5, 7, None]), ([7, 5], [5, 7]), ([5, 5, 7], [5, 7]), ([5, 7], [9])],
    ids=["one too few", "one too many", "a posting without", "descending", "twice", "above them all"],
)
def test_sizes_that_are_not_those_of_the_postings_are_damage(
    tmp_path: Path, kept: list[int], postings: list[int | None]
) -> None:
    """Even where the file is what its pin says: import and `verify` compare it with every record."""
    path = tmp_path / "sizes.bin"
    path.write_bytes(u64(kept))
    with pytest.raises(StoreDamaged):
        checked(path, values(*postings))


@given(st.sets(numbers, min_size=1, max_size=40), st.integers(1, 5))
def test_sizes_of_the_postings_are_found_right(
    tmp_path_factory: pytest.TempPathFactory, sizes: set[int], parts: int
) -> None:
    """Whatever the sizes are, and in however many parts the records are read."""
    path = tmp_path_factory.getbasetemp() / "right-sizes.bin"
    path.write_bytes(u64(sorted(sizes)))
    ordered = sorted(sizes, key=lambda size: size * 2654435761 % 97)
    checked(path, *(values(*ordered[number::parts]) for number in range(parts)))


def checked(path: Path, *parts: bytes) -> None:
    """Check parts of a database each on their own, as worker processes do, and conclude."""
    check = SizesCheck(path)
    for part in parts:
        one = SizesCheck(path)
        one.values(part)
        check.note(one.used)
    check.finish()
