"""How LevelDB fails by itself, and that the store does not (docs/store-format.md).

Each test first shows the failure with plain plyvel on the same damaged bytes: without that, the measure would be
tested against nothing.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import plyvel
import pytest

from hashmatch.config import Settings
from hashmatch.errors import StoreDamaged
from hashmatch.lists import verify
from hashmatch.store.database import Database
from hashmatch.store.opening import sealer_for_use
from hashmatch.store.postings import decode
from tests.madeup import MD5, digests, hashmatch, missed, snapshot, take_in, tree, write_list

from .damage import Table, missed_by_plain_leveldb, plain_copy, silently_missed, verification_fails

LISTED = digests(3_000)


@pytest.fixture
def table(settings: Settings, tmp_path: Path) -> Table:
    """A store of one list of 3,000 digests, and its table."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    return Table.of(settings)


def test_a_damaged_bloom_filter_loses_nothing(settings: Settings, tmp_path: Path, table: Table) -> None:
    """Where plain LevelDB calls listed digests absent, checked reads included, ours finds every one."""
    table.damage(table.filter.offset + 500, lambda byte: byte & 0x0F, count=1_000)
    assert missed_by_plain_leveldb(settings, tmp_path / "plain", LISTED, verify_checksums=True) > 100
    assert missed_by_plain_leveldb(settings, tmp_path / "plain", LISTED, paranoid_checks=True) == 0
    assert missed(settings, LISTED) == 0
    assert verification_fails(settings)


def test_a_damaged_data_block_is_an_error(settings: Settings, tmp_path: Path, table: Table) -> None:
    """Where plain LevelDB misses a listed digest in silence, ours raises, for that digest's whole block."""
    sealer = sealer_for_use(settings)
    victim = next(d for d in LISTED if table.content.count(sealer.seal(MD5, d)[3:]) == 1)
    table.damage(table.content.index(sealer.seal(MD5, victim)[3:]), lambda byte: byte ^ 1)
    assert missed_by_plain_leveldb(settings, tmp_path / "plain", LISTED) > 0
    assert silently_missed(settings, LISTED) is None
    with pytest.raises(plyvel.CorruptionError):
        missed_by_plain_leveldb(settings, tmp_path / "plain", LISTED, paranoid_checks=True, verify_checksums=True)
    assert verification_fails(settings)


def test_a_damaged_value_is_an_error(settings: Settings, tmp_path: Path) -> None:
    """A posting that changed is never taken for another posting; a block without a canary is watched as well."""
    listed = digests(20_000)
    take_in(settings, write_list(tmp_path / "list", listed))
    sealer = sealer_for_use(settings)
    keys = {sealer.seal(MD5, digest): number for number, digest in enumerate(listed, 1)}
    table = Table.of(settings)
    (manifest,) = settings.store.glob("lists/*/*/manifest.json")
    canaries = manifest.read_text()
    block = next(block for block in table.data if not any(key.hex() in canaries for key in table.keys(block)))
    value_at = block.offset + 3 + 17 + 8  # behind three lengths, the key and LevelDB's own eight bytes
    table.damage(value_at, lambda byte: byte ^ 1)
    with closing(plyvel.DB(str(plain_copy(settings, tmp_path / "plain")))) as plain:
        assert sum(decode(plain.get(key))[0].ordinal != number for key, number in keys.items()) == 1
    raised = 0
    with snapshot(settings) as known:
        for number, digest in enumerate(listed, 1):
            try:
                ((_, posting),) = known.find(MD5, digest)
            except StoreDamaged:
                raised += 1
            else:
                assert posting.ordinal == number
    assert 0 < raised < 200
    assert verification_fails(settings)


def test_a_scan_never_ends_early_in_silence(settings: Settings, tmp_path: Path, table: Table) -> None:
    """With the last block damaged plyvel's iterator just ends; ours raises, and verify notices."""
    last = table.data[-1]
    table.damage(last.offset + last.size // 2, lambda byte: byte ^ 0xFF)
    copy = plain_copy(settings, tmp_path / "plain")
    with closing(plyvel.DB(str(copy), paranoid_checks=True)) as plain, plain.iterator(verify_checksums=True) as rows:
        assert 0 < sum(1 for _ in rows) < len(LISTED)
    with closing(Database(plain_copy(settings, tmp_path / "ours"))) as ours:
        with pytest.raises(StoreDamaged):
            list(ours.scan(b"", None))
        with pytest.raises(StoreDamaged):
            ours.read_into([], [], b"", None)
    assert verification_fails(settings)


def test_a_missing_current_is_an_error_and_changes_nothing(settings: Settings, tmp_path: Path, table: Table) -> None:
    """Plain LevelDB makes an empty database and deletes the tables; ours refuses and leaves every byte."""
    current = table.path.with_name("CURRENT")
    current.unlink()
    copy = plain_copy(settings, tmp_path / "plain")
    with closing(plyvel.DB(str(copy), create_if_missing=True)) as plain:
        assert plain.get(sealer_for_use(settings).seal(MD5, LISTED[0])) is None
    assert list(copy.glob("*.ldb")) == []
    before = tree(settings.store)
    with pytest.raises(StoreDamaged, match="CURRENT: missing"):
        missed(settings, LISTED)
    with pytest.raises(StoreDamaged):
        verify(settings, None, processes=0)
    with pytest.raises(StoreDamaged):
        Database(table.path.parent)  # nor where a view should ever lack it
    table.path.with_name("LOCK").unlink(missing_ok=True)
    table.path.with_name("LOG").unlink(missing_ok=True)
    assert tree(settings.store) == before


def test_a_missing_manifest_is_an_error_and_changes_nothing(settings: Settings, table: Table) -> None:
    """Without its MANIFEST a generation is not opened."""
    next(table.path.parent.glob("MANIFEST-*")).unlink()
    before = tree(settings.store)
    with pytest.raises(StoreDamaged, match=r"MANIFEST-\d+: missing"):
        missed(settings, LISTED)
    assert tree(settings.store) == before


def test_a_cut_manifest_is_never_an_older_smaller_list(settings: Settings, tmp_path: Path, table: Table) -> None:
    """Cut between two edits, plain LevelDB opens it and has lost the list; ours refuses every length."""
    manifest = next(table.path.parent.glob("MANIFEST-*"))
    content = manifest.read_bytes()
    emptied = 0
    for length in range(len(content)):
        manifest.write_bytes(content[:length])
        with suppress(plyvel.Error):
            emptied += missed_by_plain_leveldb(settings, tmp_path / "plain", LISTED[:50]) == 50
        with pytest.raises(StoreDamaged, match="not the content that was sealed"):
            missed(settings, LISTED)
    assert emptied > 0
    manifest.write_bytes(content)
    assert missed(settings, LISTED) == 0


@pytest.mark.parametrize("kept", [0, 1, 0.5, 0.999])
def test_a_truncated_table_is_refused_at_opening(settings: Settings, tmp_path: Path, table: Table, kept: float) -> None:
    """Plain LevelDB opens it, to fail at some later look-up; ours compares sizes first, and verify exits with 12."""
    table.path.write_bytes(table.content[: int(len(table.content) * kept) - (kept == 1)])
    with closing(plyvel.DB(str(plain_copy(settings, tmp_path / "plain")))):
        pass
    with (
        pytest.raises(StoreDamaged, match=f"expected {len(table.content)} bytes"),
        snapshot(settings),
    ):
        pass
    done = hashmatch(settings, "lists", "verify")
    assert (done.returncode, done.stdout) == (12, "")
    assert table.path.name in done.stderr


@pytest.mark.parametrize("name", ["000099.ldb", "MANIFEST-000099", "000099.log", "LOCK", "LOG"])
def test_a_file_too_many_is_refused(settings: Settings, table: Table, name: str) -> None:
    """What was not sealed has no place beside it: LevelDB would replay a foreign log."""
    table.path.with_name(name).write_bytes(b"")
    with pytest.raises(StoreDamaged, match="not part of the sealed generation"):
        missed(settings, LISTED)


def test_an_exchanged_table_is_found_by_verify(settings: Settings, table: Table) -> None:
    """A table of the same size with sound checksums is not the one that was sealed."""
    (generation,) = settings.store.glob("lists/*/*")
    other = Settings(settings.store.with_name("other"), settings.sealing_key)
    take_in(other, write_list(settings.store.with_name("exchanged"), reversed(LISTED)))
    foreign = Table.of(other)
    assert len(foreign.content) == len(table.content)
    assert foreign.content != table.content
    table.path.write_bytes(foreign.content)
    with pytest.raises(StoreDamaged):
        verify(settings, None, processes=0)
    with pytest.raises(StoreDamaged, match="canary"):
        missed(settings, LISTED)
    assert generation.is_dir()
