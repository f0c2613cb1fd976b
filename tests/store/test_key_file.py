"""The file of the sealing key: made once, read strictly, never replaced in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.errors import NoActiveList, SealingKeyError
from hashmatch.lists import activate, verify
from hashmatch.store.opening import sealer_for_use
from hashmatch.store.sealing import load_key, make_key
from tests.madeup import digests, missed, take_in, tree, write_list

LINE = "hashmatch-sealing-key-1 " + "5a" * 32 + "\n"


def key_file(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def test_a_made_key_is_private_and_read_back(tmp_path: Path) -> None:
    """The file has mode 0600 in a directory of mode 0700, and holds one line."""
    path = tmp_path / "new" / "directory" / "sealing.key"
    made = make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_key(path).key_id == made.key_id
    assert [p.name for p in path.parent.iterdir()] == ["sealing.key"]
    assert len(path.read_bytes()) == len(LINE)


def test_making_a_key_never_replaces_one(tmp_path: Path) -> None:
    """A key that is there is read, whoever asks for a new one."""
    path = key_file(tmp_path / "key", LINE)
    assert make_key(path).key_id == load_key(path).key_id
    assert path.read_text() == LINE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is one too many; the message says the mode and not the key."""
    path = key_file(tmp_path / "key", LINE, mode)
    with pytest.raises(SealingKeyError, match=f"got {mode:04o}") as caught:
        load_key(path)
    assert "5a5a" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "\n", LINE.strip(), LINE[:-2] + "\n", LINE + LINE, LINE + "\n", LINE.upper(), " " + LINE, LINE.replace(
        "key-1", "key-2"), LINE.replace("5a5a", "5 5a", 1), LINE.encode() + b"\0", b"\xff" * 89, LINE + "x" * 9000],
)  # fmt: skip
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str | bytes) -> None:
    """One line of one shape is a key; cut, doubled or foreign content is an error that does not show it."""
    with pytest.raises(SealingKeyError, match="expected one line") as caught:
        load_key(key_file(tmp_path / "key", content))
    assert "5a5a" not in str(caught.value)


def test_a_directory_or_a_fifo_is_no_key(tmp_path: Path) -> None:
    """What is no regular file is refused."""
    with pytest.raises(SealingKeyError):
        load_key(tmp_path)
    with pytest.raises(SealingKeyError, match="expected a file"):
        load_key(Path("/dev/null"))


def test_a_lost_key_is_an_error_and_no_new_one_is_made(settings: Settings, tmp_path: Path) -> None:
    """Where lists were sealed, everything that needs the key says so, and nothing on disk changes."""
    listed = write_list(tmp_path / "list", digests(50))
    take_in(settings, listed)
    settings.sealing_key.rename(tmp_path / "kept")
    before = tree(settings.store)
    for step in (
        lambda: take_in(settings, listed, release="2"),
        lambda: take_in(settings, listed, list_id="another"),
        lambda: missed(settings, digests(50)),
        lambda: verify(settings, None, processes=0),
        lambda: activate(settings, "made-up", "1"),
    ):
        with pytest.raises(SealingKeyError, match="absent"):
            step()
    assert not settings.sealing_key.exists()
    assert tree(settings.store) == before
    (tmp_path / "kept").rename(settings.sealing_key)
    assert missed(settings, digests(50)) == 0


def test_another_key_is_an_error_and_never_an_empty_answer(settings: Settings, tmp_path: Path) -> None:
    """Under another key every digest would be absent; the store notices before it answers."""
    listed = write_list(tmp_path / "list", digests(50))
    take_in(settings, listed)
    settings.sealing_key.unlink()
    make_key(settings.sealing_key)
    before = tree(settings.store)
    for step in (
        lambda: missed(settings, digests(50)),
        lambda: verify(settings, None, processes=0),
        lambda: verify(settings, "made-up", processes=0),
        lambda: activate(settings, "made-up", "1"),
    ):
        with pytest.raises(SealingKeyError, match="sealed with key"):
            step()
    assert tree(settings.store) == before


@pytest.mark.parametrize("place", ["key", "deep/down/key", "link/key"])
def test_a_key_beneath_the_store_is_refused(tmp_path: Path, place: str) -> None:
    """A thief of the store would have it too, also where a symbolic link leads there."""
    store = tmp_path / "store"
    if place.startswith("link"):
        store.mkdir()
        (tmp_path / "link").symlink_to(store)
        settings = Settings(store, tmp_path / place)
    else:
        settings = Settings(store, store / place)
    with pytest.raises(SealingKeyError, match="outside the store"):
        take_in(settings, write_list(tmp_path / "list", digests(5)))
    with pytest.raises(SealingKeyError, match="outside the store"):
        sealer_for_use(settings)
    assert not settings.sealing_key.exists()


def test_processes_that_make_the_first_key_at_once_get_the_same(tmp_path: Path) -> None:
    """One of them wins; all read what it wrote."""
    path = tmp_path / "keys" / "sealing.key"
    start = tmp_path / "start"
    program = (
        "import sys, os, time; from pathlib import Path; from hashmatch.store.sealing import make_key\n"
        "print('ready', flush=True)\n"
        "while not os.path.exists(sys.argv[2]): pass\n"
        "print(make_key(Path(sys.argv[1])).key_id)"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, path, start], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    start.touch()
    key_ids = {racer.communicate(timeout=60)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert key_ids == {load_key(path).key_id + "\n"}
    assert [p.name for p in path.parent.iterdir()] == ["sealing.key"]


def test_no_store_asks_for_no_key(settings: Settings) -> None:
    """Looking at an empty store makes neither key nor store."""
    with pytest.raises(NoActiveList):
        verify(settings, None, processes=0)
    assert not settings.store.exists()
    assert not settings.sealing_key.parent.exists()
