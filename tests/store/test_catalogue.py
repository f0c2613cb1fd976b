"""Which lists are active: changed in one step, pinned by digest, and never empty by accident."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.errors import DuplicateRelease, NoActiveList, StoreDamaged, StoreLocked, UsageError
from hashmatch.lists import activate, retire, show, verify
from hashmatch.store.catalogue import Catalogue
from hashmatch.store.layout import Layout
from tests.madeup import MD5, digests, missed, snapshot, take_in, tree, write_list

OLD, NEW, OTHER = digests(200, "old"), digests(200, "new"), digests(200, "other")


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store with release 1 of one list active."""
    take_in(settings, write_list(tmp_path / "old", OLD))
    return settings


def second_release(settings: Settings, tmp_path: Path) -> None:
    take_in(settings, write_list(tmp_path / "new", NEW), release="2")


def snapshot_id(settings: Settings) -> str:
    with snapshot(settings) as known:
        return known.snapshot_id


def test_an_import_replaces_the_active_release(store: Settings, tmp_path: Path) -> None:
    """Afterwards the new release answers alone, and the old one is still there."""
    imported = take_in(store, write_list(tmp_path / "new", NEW), release="2")
    assert imported.replaced == "1"
    assert (missed(store, OLD), missed(store, NEW)) == (200, 0)
    assert [(item.stored.manifest.release, item.active) for item in show(store)] == [("1", False), ("2", True)]


def test_a_release_may_wait(store: Settings, tmp_path: Path) -> None:
    """A release that is imported but not activated answers nothing and takes nobody's place until it is."""
    before = snapshot_id(store)
    imported = take_in(store, write_list(tmp_path / "new", NEW), release="2", activate=False)
    assert (imported.active, imported.replaced, snapshot_id(store)) == (False, None, before)
    assert (missed(store, OLD), missed(store, NEW)) == (0, 200)
    assert verify(store, "made-up", processes=0)[1].stored == imported.stored
    activate(store, "made-up", "2")
    assert (missed(store, OLD), missed(store, NEW)) == (200, 0)


def test_the_first_list_may_wait(settings: Settings, tmp_path: Path) -> None:
    """A store whose only list was never activated is there and has no active list."""
    take_in(settings, write_list(tmp_path / "new", NEW), activate=False)
    assert Catalogue(Layout(settings.store)).active() == ()
    with pytest.raises(NoActiveList):
        snapshot_id(settings)


def test_an_older_release_is_made_active_again(store: Settings, tmp_path: Path) -> None:
    """Going back and forth gives the same snapshot each time, named by the same id."""
    first = snapshot_id(store)
    second_release(store, tmp_path)
    second = snapshot_id(store)
    assert first != second
    activate(store, "made-up", "1")
    assert (missed(store, OLD), missed(store, NEW)) == (0, 200)
    assert snapshot_id(store) == first
    activate(store, "made-up", "2")
    assert snapshot_id(store) == second


def test_the_snapshot_id_names_the_set_of_lists(store: Settings, tmp_path: Path) -> None:
    """It changes when a list comes in or goes, and is the same whatever the order they were activated in."""
    alone = snapshot_id(store)
    take_in(store, write_list(tmp_path / "other", OTHER), list_id="a-list")
    both = snapshot_id(store)
    assert both != alone
    retire(store, "a-list")
    assert snapshot_id(store) == alone
    retire(store, "made-up")
    activate(store, "a-list", "1")
    activate(store, "made-up", "1")
    assert snapshot_id(store) == both
    with snapshot(store) as known:
        assert [pinned.list_id for pinned in known.lists] == ["a-list", "made-up"]


def test_two_stores_of_one_key_and_list_have_one_snapshot_id(store: Settings, tmp_path: Path) -> None:
    """The id depends on content and release, not on where or in which store the list lies."""
    elsewhere = Settings(tmp_path / "elsewhere", store.sealing_key)
    take_in(elsewhere, tmp_path / "old")
    assert snapshot_id(elsewhere) == snapshot_id(store)


def test_retiring_everything_leaves_no_active_list(store: Settings) -> None:
    """An empty snapshot would make every file a no-match, so there is none."""
    assert retire(store, "made-up") == "1"
    with pytest.raises(NoActiveList):
        missed(store, OLD)
    with pytest.raises(NoActiveList):
        verify(store, None, processes=0)
    with pytest.raises(NoActiveList):
        retire(store, "made-up")
    assert [v.records for v in verify(store, "made-up", processes=0)] == [200]


def test_a_release_name_is_unique_for_its_list(store: Settings, tmp_path: Path) -> None:
    """The same name again is refused, retired or not; the same name in another list is another release."""
    again = write_list(tmp_path / "again", NEW)
    before = tree(store.store)
    with pytest.raises(DuplicateRelease, match="already in the store"):
        take_in(store, again)
    assert tree(store.store) == before
    retire(store, "made-up")
    with pytest.raises(DuplicateRelease):
        take_in(store, again)
    take_in(store, again, list_id="another")


@pytest.mark.parametrize(("list_id", "release"), [("made-up", "9"), ("absent", "1"), ("../made-up", "1"), ("", "1")])
def test_what_is_not_there_is_not_activated(store: Settings, list_id: str, release: str) -> None:
    """A wrong list or release changes nothing."""
    before = tree(store.store)
    with pytest.raises(UsageError):
        activate(store, list_id, release)
    assert tree(store.store) == before


def test_a_damaged_release_is_not_activated(store: Settings, tmp_path: Path) -> None:
    """It is opened first; what was active stays so."""
    second_release(store, tmp_path)
    (table,) = store.store.glob("lists/made-up/000001-*/db/*.ldb")
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(StoreDamaged):
        activate(store, "made-up", "1")
    assert missed(store, NEW) == 0


def test_damage_to_an_inactive_manifest_is_found(store: Settings, tmp_path: Path) -> None:
    """A manifest no catalogue pins is pinned by its generation's own name."""
    second_release(store, tmp_path)
    (manifest,) = store.store.glob("lists/made-up/000001-*/manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"nobody: made up", b"nobody: made uq"))
    with pytest.raises(StoreDamaged, match="not the manifest"):
        activate(store, "made-up", "1")
    with pytest.raises(StoreDamaged, match="not the manifest"):
        verify(store, "made-up", processes=0)
    assert missed(store, NEW) == 0


def test_an_exchanged_manifest_is_found(store: Settings, tmp_path: Path) -> None:
    """Another release's manifest in the place of the active one is not what was activated."""
    second_release(store, tmp_path)
    for directory in store.store.glob("lists/made-up/000002-*"):
        other = next(store.store.glob("lists/made-up/000001-*"))
        other.joinpath("manifest.json").replace(directory / "manifest.json")
    with pytest.raises(StoreDamaged, match="not the manifest"):
        missed(store, NEW)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "null", '{"format":1,"generations":[],"check":""}', "\xff", "[" * 100_000, '{"format":2}'],
)
def test_a_damaged_catalogue_is_never_an_empty_one(store: Settings, tmp_path: Path, content: str) -> None:
    """Whatever stands in the place of the catalogue is an error for every use, and imports refuse to go on."""
    active = store.store / "active.json"
    active.write_text(content, encoding="latin-1")
    before = tree(store.store)
    for step in (
        lambda: missed(store, OLD),
        lambda: show(store),
        lambda: verify(store, None, processes=0),
        lambda: verify(store, "made-up", processes=0),
        lambda: activate(store, "made-up", "1"),
        lambda: retire(store, "made-up"),
        lambda: take_in(store, tmp_path / "old", release="2"),
    ):
        with pytest.raises(StoreDamaged):
            step()
    assert tree(store.store) == before


def test_an_edited_catalogue_is_found(store: Settings, tmp_path: Path) -> None:
    """Taking a list out of the catalogue by hand is noticed: the check value no longer fits."""
    take_in(store, write_list(tmp_path / "other", OTHER), list_id="another")
    active = store.store / "active.json"
    content = json.loads(active.read_text())
    del content["generations"][0]
    active.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))
    with pytest.raises(StoreDamaged, match="not the catalogue that was written"):
        missed(store, OLD)


def test_a_lost_catalogue_is_not_an_empty_store(store: Settings, tmp_path: Path) -> None:
    """Without it nobody knows what was active, so an import must not quietly start anew."""
    (store.store / "active.json").unlink()
    with pytest.raises(StoreDamaged, match="missing, although there are lists"):
        missed(store, OLD)
    with pytest.raises(StoreDamaged, match="missing"):
        take_in(store, write_list(tmp_path / "other", OTHER), list_id="another")


def test_an_active_list_that_is_gone_is_an_error(store: Settings) -> None:
    """A list that the catalogue names and the disk lacks is damage, not one list fewer."""
    (generation,) = store.store.glob("lists/made-up/*")
    generation.rename(store.store / "away")
    with pytest.raises(StoreDamaged):
        missed(store, OLD)


HOLD = """
import sys
from pathlib import Path
from hashmatch.store.catalogue import Catalogue
from hashmatch.store.layout import Layout
with Catalogue(Layout(Path(sys.argv[1]))).locked():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_who_comes_second_is_told_at_once(store: Settings, tmp_path: Path) -> None:
    """A store that is being changed is refused to others within a second; readers and the first are unaffected."""
    new = write_list(tmp_path / "new", NEW)
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, store.store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    staged = store.store / "staging" / "of-the-first"
    staged.mkdir(parents=True)
    for step in (
        lambda: take_in(store, new, release="2"),
        lambda: retire(store, "made-up"),
        lambda: activate(store, "made-up", "1"),
    ):
        began = time.monotonic()
        with pytest.raises(StoreLocked, match="another process"):
            step()
        assert time.monotonic() - began < 1
    assert staged.is_dir()
    assert missed(store, OLD) == 0
    first.communicate("\n", timeout=60)
    assert first.returncode == 0
    take_in(store, new, release="2")
    assert not staged.exists()


def test_the_lock_is_free_after_a_failure(store: Settings) -> None:
    """An error inside gives the store back."""
    catalogue = Catalogue(Layout(store.store))
    with pytest.raises(RuntimeError), catalogue.locked():
        raise RuntimeError
    with catalogue.locked():
        pass


ASK = """
import sys
from pathlib import Path
from hashmatch.config import Settings
from tests.madeup import snapshot, digests, MD5
settings = Settings(Path(sys.argv[1]), Path(sys.argv[2]))
old, absent = digests(200, "old"), digests(200, "absent")
for _ in range(20):
    with snapshot(settings) as known:
        assert all(known.find(MD5, digest) for digest in old)
        assert not any(known.find(MD5, digest) for digest in absent)
        assert known.snapshot_id == sys.argv[3]
"""


def test_several_processes_look_up_at_once(store: Settings) -> None:
    """Four processes open and ask one store over and over; each gets every answer right."""
    words = [sys.executable, "-c", ASK, str(store.store), str(store.sealing_key), snapshot_id(store)]
    askers = [
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) for _ in range(4)
    ]
    for asker in askers:
        _, complaint = asker.communicate(timeout=120)
        assert asker.returncode == 0, complaint
    assert [path.name for path in (store.store / "views").iterdir()] == ["lock"]


def test_a_snapshot_keeps_to_its_lists_while_others_come(store: Settings, tmp_path: Path) -> None:
    """What is pinned goes on answering from the release it was opened with."""
    with snapshot(store) as known:
        pinned = known.snapshot_id
        second_release(store, tmp_path)
        retire(store, "made-up")
        assert all(known.find(MD5, digest) for digest in OLD)
        assert not any(known.find(MD5, digest) for digest in NEW)
        known.check_canaries()
        assert known.snapshot_id == pinned
