"""Private views: what they hold, who removes them, and when a store is closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.store.layout import Layout
from hashmatch.store.views import sweep
from tests.madeup import digests, missed, snapshot, take_in, tree, write_list

LISTED = digests(1_000)

HOLDER = """
import sys, time
from pathlib import Path
from hashmatch.config import Settings
from tests.madeup import snapshot, digests, MD5
with snapshot(Settings(Path(sys.argv[1]), Path(sys.argv[2]))) as known:
    print("open", flush=True)
    sys.stdin.readline()
    print(sum(bool(known.find(MD5, digest)) for digest in digests(1_000)), flush=True)
"""


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """A store of one active list of 1,000 digests."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    return settings


def holder(settings: Settings) -> subprocess.Popen[str]:
    """Start a process that has a snapshot open until it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, settings.store, settings.sealing_key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def views_of(settings: Settings) -> list[Path]:
    return [path for path in Layout(settings.store).views.iterdir() if path.is_dir()]


def test_a_view_links_tables_copies_the_rest_and_goes(store: Settings) -> None:
    """Tables take no space twice, small files are copies of their own, and the sealed directory stays as it is."""
    before = tree(store.store)
    (sealed,) = store.store.glob("lists/*/*/db")
    with snapshot(store):
        (view,) = views_of(store)
        (table,) = sealed.glob("*.ldb")
        assert (view / "db" / table.name).samefile(table)
        assert not (view / "db" / "CURRENT").samefile(sealed / "CURRENT")
        assert view.stat().st_mode & 0o077 == 0
    assert views_of(store) == []
    assert tree(store.store) == before


def test_a_view_is_a_copy_where_links_are_refused(store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems without hard links, and files of other owners, cost space instead of failing."""

    def refuse(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with snapshot(store) as known:
        (view,) = views_of(store)
        (table,) = store.store.glob("lists/*/*/db/*.ldb")
        copied = view / "db" / table.name
        assert not copied.samefile(table)
        assert copied.read_bytes() == table.read_bytes()
        assert known.snapshot_id
    assert missed(store, LISTED) == 0


def test_views_of_the_dead_are_swept_and_of_the_living_kept(store: Settings) -> None:
    """A killed process's view goes at the next opening; a running one's stays and still answers."""
    living, dying = holder(store), holder(store)
    assert len(views_of(store)) == 2
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    assert missed(store, LISTED) == 0
    (kept,) = views_of(store)
    assert kept.name.startswith(f"{living.pid}-")
    assert living.communicate("\n", timeout=60)[0] == "1000\n"
    assert views_of(store) == []


def test_an_import_sweeps_too(store: Settings, tmp_path: Path) -> None:
    """Views of dead processes hold the space of retired tables, so whoever changes the store removes them."""
    dying = holder(store)
    dying.kill()
    dying.communicate()
    assert len(views_of(store)) == 1
    take_in(store, write_list(tmp_path / "two", LISTED), release="2")
    assert views_of(store) == []


def test_a_view_without_its_lock_is_swept(store: Settings) -> None:
    """A process that died between the two steps of making a view leaves a directory without a lock."""
    half = Layout(store.store).views / "1-half"
    half.mkdir()
    assert sweep(Layout(store.store).views) == 1
    assert not half.exists()


CLOSING_AFTER_READERS = """
import sys, threading
from pathlib import Path
from hashmatch.config import Settings
from tests.madeup import snapshot, digests, MD5
sys.setswitchinterval(1e-6)
def ask(known):
    for _ in range(3):
        for digest in listed:
            assert known.find(MD5, digest)
listed = digests(1_000)
for _ in range(3):
    with snapshot(Settings(Path(sys.argv[1]), Path(sys.argv[2]))) as known:
        readers = [threading.Thread(target=ask, args=(known,)) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
print("complete")
"""

CLOSING_UNDER_READERS = """
import os, sys, threading, time
import plyvel
sys.setswitchinterval(1e-6)
def read(database):
    try:
        with database.raw_iterator() as records:
            while True:
                records.seek_to_first()
                while records.valid():
                    records.next()
    except RuntimeError:
        pass
with plyvel.DB(sys.argv[1], create_if_missing=True) as database:
    for _ in range(40_000):
        database.put(os.urandom(17), b"1234567")
for _ in range(100):
    database = plyvel.DB(sys.argv[1])
    readers = [threading.Thread(target=read, args=(database,)) for _ in range(4)]
    for reader in readers:
        reader.start()
    time.sleep(0.02)
    database.close()
    for reader in readers:
        reader.join()
"""


def run(program: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [sys.executable, "-c", program, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


def test_closing_after_the_readers_does_not_crash(store: Settings, tmp_path: Path) -> None:
    """LevelDB closed under its readers dies by a signal; a snapshot that outlives its readers does not."""
    assert run(CLOSING_UNDER_READERS, tmp_path / "plain").returncode < 0
    done = run(CLOSING_AFTER_READERS, store.store, store.sealing_key)
    assert (done.returncode, done.stdout) == (0, "complete\n"), done.stderr
