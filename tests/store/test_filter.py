"""The filter of a generation: rules out, never in; and what is done where it is absent, damaged or large."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashmatch.config import Settings
from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.errors import StoreDamaged
from hashmatch.hashlists.entries import ListType
from hashmatch.lists import verify
from hashmatch.store import filterbuild, inner_loops, mapped, portable
from hashmatch.store import snapshot as snapshots
from hashmatch.store.filter import Blocks, salt_for
from hashmatch.store.filterbuild import Joiner, StretchOfFilter
from hashmatch.store.manifest import Manifest, parse_manifest
from hashmatch.store.pool import Pool
from hashmatch.store.verify import pin_files, verify_generation
from tests.madeup import MD5, SHA1, SHA256, digests, missed, snapshot, take_in, write_list

from .damage import verification_fails

needs_native = pytest.mark.skipif(not inner_loops.NATIVE, reason="without the code in C nothing is ruled out")

LISTED, ABSENT = digests(2_000), digests(2_000, "absent")


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one MD5 list."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    return settings


def filter_of(settings: Settings) -> Path:
    (path,) = settings.store.glob("lists/*/*/filter.bin")
    return path


def table(path: Path, rows: list[tuple[bytes | None, ...]]) -> Path:
    """Write a table of digests for all three algorithms, with gaps."""
    lines = [",".join("" if digest is None else digest.hex() for digest in row) for row in rows]
    path.write_text("md5,sha1,sha256\n" + "\n".join(lines) + "\n")
    return path


@needs_native
def test_absent_digests_are_ruled_out_and_listed_ones_never(store: Settings) -> None:
    """Of one digest a file: all that are listed stay, and less than one in a hundred of the others."""
    rows = [(digest,) for pair in zip(LISTED, ABSENT, strict=True) for digest in pair]
    with snapshot(store) as known:
        found = set(known.candidates((MD5,), rows))
        assert known.candidates((MD5,), []) in ([], range(0))
    assert found >= set(range(0, len(rows), 2))
    assert len(found) < len(LISTED) + len(ABSENT) / 100


@needs_native
def test_a_file_is_a_candidate_by_any_of_its_digests(settings: Settings, tmp_path: Path) -> None:
    """Two lists, one of SHA-1 and SHA-256 with gaps, one of MD5: one listed digest among three is enough."""
    pools = {algorithm: digests(300, "pool", algorithm) for algorithm in ALL_ALGORITHMS}
    rows: list[tuple[bytes | None, ...]] = [
        (None, pools[SHA1][n] if n % 3 else None, None if n % 3 == 1 else pools[SHA256][n]) for n in range(200)
    ]
    take_in(settings, table(tmp_path / "table", rows), "two", algorithm=None, list_type=ListType.KNOWN)
    take_in(settings, write_list(tmp_path / "list", pools[MD5][:100]))
    chance = random.Random(1)
    files, expected = [], []
    for number in range(2_000):
        at = {algorithm: chance.randrange(300) for algorithm in ALL_ALGORITHMS}
        files.append(tuple(pools[algorithm][at[algorithm]] for algorithm in ALL_ALGORITHMS))
        if at[MD5] < 100 or any(at[a] < 200 and rows[at[a]][a - 1] is not None for a in (SHA1, SHA256)):
            expected.append(number)
    with snapshot(settings) as known:
        found = known.candidates(ALL_ALGORITHMS, files)
        assert set(found) >= set(expected)
        assert len(found) < len(expected) + 100
        listed = [n for n, file in enumerate(files) if any(map(known.find, ALL_ALGORITHMS, file))]
        assert listed == expected
        assert list(known.candidates((SHA256, MD5), [(file[2], file[0]) for file in files[:50]])) == [
            n
            for n in range(50)
            if set(known.candidates((SHA256,), [(files[n][2],)])) or set(known.candidates((MD5,), [(files[n][0],)]))
        ]


@needs_native
def test_an_algorithm_that_no_list_has_rules_a_file_out(store: Settings) -> None:
    """Nothing can be found by it."""
    files = [(digests(1, "other", SHA1)[0],)] * 3
    with snapshot(store) as known:
        assert list(known.candidates((SHA1,), files)) == []
        assert all(not known.find(SHA1, octets) for (octets,) in files)


def test_files_that_lack_a_digest_stay_candidates(store: Settings) -> None:
    """Fewer digests than algorithms, or one of another length: nothing can be said of that file."""
    with snapshot(store) as known:
        assert list(known.candidates((MD5,), [(), (ABSENT[0],)])) == [0, 1]
        assert list(known.candidates((SHA1,), [()])) == [0]
        assert 0 in known.candidates((MD5,), [(b"",), (ABSENT[0],)])


def test_without_the_code_in_c_all_are_candidates(store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are the same, since LevelDB is asked for each."""
    monkeypatch.setattr(snapshots, "probe", portable.probe)
    with snapshot(store) as known:
        assert list(known.candidates((MD5,), [(digest,) for digest in ABSENT])) == list(range(len(ABSENT)))


def test_filters_built_without_the_code_in_c_are_the_same(
    store: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation may be built on one machine and verified on another."""
    monkeypatch.setattr(filterbuild, "fill", portable.fill)
    monkeypatch.setattr(filterbuild, "close", portable.close)
    assert len(verify(store, None, processes=0)) == 1
    take_in(store, write_list(tmp_path / "again", LISTED), list_id="again")
    monkeypatch.undo()
    assert len(verify(store, None, processes=0)) == 2


def test_a_generation_of_before_has_no_filter_and_answers(
    store: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest says nothing of one; LevelDB is asked for everything, beside a list that has a filter."""
    older = Settings(tmp_path / "older", store.sealing_key)
    monkeypatch.setattr("hashmatch.lists.Manifest", without_filter)
    take_in(older, write_list(tmp_path / "old", LISTED), list_id="old")
    monkeypatch.undo()
    filter_of(older).unlink()
    (manifest,) = older.store.glob("lists/*/*/manifest.json")
    assert b'"filter"' not in manifest.read_bytes()
    take_in(older, write_list(tmp_path / "new", digests(50, "new")), list_id="new", release="2")
    assert len(verify(older, None, processes=0)) == 2
    with snapshot(older) as known:
        assert list(known.candidates((MD5,), [(ABSENT[0],), (LISTED[0],)])) == [0, 1]
    assert missed(older, LISTED) == 0


def without_filter(**fields: Any) -> Manifest:
    return Manifest(**{name: value for name, value in fields.items() if name != "filter"})


def test_a_filter_of_another_generation_is_not_taken_for_its_own(store: Settings, tmp_path: Path) -> None:
    """Of the same size and whole, but exchanged: the canaries notice at opening, and verification does."""
    other = Settings(tmp_path / "other", store.sealing_key)
    take_in(other, write_list(tmp_path / "others", ABSENT))
    shutil.copyfile(filter_of(other), filter_of(store))
    with pytest.raises(StoreDamaged), snapshot(store):
        pass
    assert verification_fails(store)


def test_verification_finds_a_filter_that_lacks_a_record(store: Settings) -> None:
    """A filter that was wrong when it was pinned: whole by its own check values, but not what the records make."""
    path = filter_of(store)
    manifest = parse_manifest(path.with_name("manifest.json").read_bytes(), "manifest")
    content = bytearray(path.read_bytes())
    content[0] ^= content[0] & -content[0] or 1
    closed = content[:64]
    portable.close(closed, 0, salt_for(manifest.content_root))
    path.write_bytes(closed + content[64:])
    forged = msgspec.structs.replace(manifest, filter=pin_files(path.parent, [path.name])[0])
    with Pool(0) as pool, pytest.raises(StoreDamaged, match="not the filter that the records make"):
        verify_generation(store.store / "views", path.parent, forged, pool)


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + bytes(64), lambda c: c[64:], lambda _: b""])
def test_a_filter_of_another_size_is_never_mapped(store: Settings, change: Callable[[bytes], bytes]) -> None:
    """Touching pages beyond its end would kill the process."""
    path = filter_of(store)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StoreDamaged, match=r"filter\.bin: expected \d+ bytes, got"), snapshot(store):
        pass


def test_a_missing_filter_is_an_error(store: Settings) -> None:
    """Where the manifest names one, it is not done without."""
    filter_of(store).unlink()
    with pytest.raises(StoreDamaged, match=r"filter\.bin: No such file"), snapshot(store):
        pass
    assert verification_fails(store)


@needs_native
def test_large_filters_are_given_back(store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no page to spare, neither tables nor filters stay, and every answer stays right."""
    monkeypatch.setattr(mapped, "RESIDENT_LIMIT", 0)
    monkeypatch.setattr(mapped, "FILTERS_KEPT", 0)
    with snapshot(store) as known:
        for _ in range(3):
            assert set(known.candidates((MD5,), [(digest,) for digest in LISTED])) == set(range(len(LISTED)))
    monkeypatch.setattr(mapped, "FILTERS_KEPT", 1 << 40)
    with snapshot(store) as known:
        assert len(known.candidates((MD5,), [(digest,) for digest in LISTED])) == len(LISTED)


@pytest.mark.parametrize("keys", [1, 31, 32, 33, 1_000])
@pytest.mark.parametrize("cuts", [1, 2, 8, 1024])
def test_a_filter_does_not_depend_on_how_it_was_cut(keys: int, cuts: int) -> None:
    """Stretches joined in order give what all keys give at once, where many share one block, too."""
    sealed = sorted(b"\1" + digest for digest in digests(keys))
    blocks = Blocks(3, -(-keys // 32))
    whole = bytearray()
    joiner = Joiner(9, whole.extend)
    for part in range(cuts):
        building = StretchOfFilter(blocks, part, part + 1, cuts)
        building.add(b"".join(key for key in sealed if int.from_bytes(key[1:5], "big") * cuts >> 32 == part))
        joiner.add(*building.finish())
    joiner.finish()
    expected = bytearray(64 * blocks.number)
    inner_loops.fill(expected, 0, blocks.number, b"".join(sealed), 17)
    inner_loops.close(expected, 3, 9)
    assert whole == expected
