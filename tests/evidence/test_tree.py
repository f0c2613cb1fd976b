"""The walk: every entry once, by its kind, and no failure that is not in the stream."""

from __future__ import annotations

import errno
import os
import random
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.batches import BATCH
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.tree import Entry, Files, walk
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome
from tests.evidence.mounting import as_nobody, bound, ext4_image, loop, mounted, needs, needs_mounts, needs_root, run
from tests.evidence.test_opening import make_chain
from tests.evidence.walking import found, paths, walked


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "root").mkdir()
    yield tmp_path / "root"
    # pytest removes trees by recursion, and would stumble over the deep ones in some later run.
    run("rm", "-rf", tmp_path / "root")


def build_zoo(root: Path) -> dict[bytes, ExclusionReason]:
    """One of each kind, and links of every sort."""
    (root / "file").write_bytes(b"abc")
    (root / "dir").mkdir()
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    (root / "dangling").symlink_to("nowhere")
    (root / "escaping").symlink_to("../../../etc")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "dir/looping").symlink_to("..")
    kinds = {
        b"dir": ExclusionReason.DIRECTORY,
        b"fifo": ExclusionReason.FIFO,
        b"socket": ExclusionReason.SOCKET,
        b"dangling": ExclusionReason.SYMLINK,
        b"escaping": ExclusionReason.SYMLINK,
        b"absolute": ExclusionReason.SYMLINK,
        b"dir/looping": ExclusionReason.SYMLINK,
    }
    if os.geteuid() == 0:
        os.mknod(root / "char", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(root / "block", stat.S_IFBLK | 0o600, os.makedev(7, 99))
        kinds |= {b"char": ExclusionReason.CHARACTER_DEVICE, b"block": ExclusionReason.BLOCK_DEVICE}
    return kinds


def test_every_kind(root: Path) -> None:
    """Regular files are given out to be read; everything else is excluded under its own name, with its inode."""
    kinds = build_zoo(root)
    tree = walked(root)
    assert tree.files == [b"file"]
    assert {entry.path: entry.reason for entry in tree.entries} == kinds
    for entry in tree.entries:
        assert (entry.outcome, entry.errno) == (Outcome.EXCLUDED, None)
        assert entry.inode == os.lstat(os.path.join(os.fsencode(root), entry.path)).st_ino


@needs("find")
def test_sees_what_find_sees(root: Path) -> None:
    """The zoo, hard links, empty, wide and deep directories: byte for byte the set that find prints, each once."""
    build_zoo(root)
    (root / "links").mkdir()
    for number in range(1000):
        (root / f"links/{number}").hardlink_to(root / "file")
    (root / "empty").mkdir()
    make_chain(root, b"deep", 200)
    for number in range(50):
        (root / f"wide/{number}").mkdir(parents=True)
        (root / f"wide/{number}/f").touch()
    tree = walked(root)
    assert tree.seen == found(root)
    assert tree.largest_batch == BATCH


@needs("find")
def test_any_name_of_any_bytes(root: Path) -> None:
    """Names of random bytes, of 255 bytes, and those that scare a shell are given back as they are."""
    chance = random.Random(1)
    octets = [octet for octet in range(1, 256) if octet != 0x2F]
    names = {bytes(chance.choices(octets, k=chance.randint(1, 255))) for _ in range(500)}
    names |= {b"x" * 255, b"\n", b" ", b"=cmd|", b"\xff\xfe", b"\xed\xa0\x80", "\u202e".encode(), b"...", b"a\\040b"}
    for name in names - {b".", b".."}:
        path = os.path.join(os.fsencode(root), name)
        if chance.random() < 0.2:
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    assert walked(root).seen == found(root)


def test_depth_beyond_path_max(root: Path) -> None:
    """2,000 directories inside one another, names of 100 bytes: 200,000 bytes of path are walked to the end."""
    name, depth = b"d" * 100, 2000
    make_chain(root, name, depth)
    tree = walked(root)
    assert {entry.reason for entry in tree.entries} == {ExclusionReason.DIRECTORY}
    assert max(tree.seen, key=len) == b"/".join([name] * depth)
    assert len(tree.entries) == depth


def test_a_directory_of_many_files_comes_in_batches(root: Path) -> None:
    """Batches are given out while the directory is still being listed, so none holds it whole."""
    for number in range(2 * BATCH + 1):
        (root / str(number)).touch()
    tree = walked(root)
    assert (len(tree.files), tree.largest_batch) == (2 * BATCH + 1, BATCH)


def test_abandoned_walk_closes_what_it_opened(root: Path) -> None:
    """A consumer that stops midway leaves no descriptor behind."""
    for number in range(2 * BATCH):
        (root / str(number)).touch()
    descriptor = open_root(os.fsencode(root))
    before = len(os.listdir("/proc/self/fd"))
    tree = walk(descriptor)
    next(tree)
    assert isinstance(tree, Iterator)
    tree.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(descriptor)


@needs_root
def test_unreadable_directory(root: Path) -> None:
    """A directory that may not be opened is not examined, with its errno; the walk goes on past it."""
    (root / "locked").mkdir(mode=0)
    (root / "open").mkdir()
    (root / "open/f").touch()
    root.chmod(0o755)
    descriptor = open_root(os.fsencode(root))
    with as_nobody():
        items = list(walk(descriptor))
    os.close(descriptor)
    (locked,) = (item for item in items if isinstance(item, Entry) and item.path == b"locked")
    assert (locked.outcome, locked.reason) == (Outcome.NOT_EXAMINED, FailureReason.DIRECTORY_UNREADABLE)
    assert (locked.errno, locked.inode) == (errno.EACCES, (root / "locked").stat().st_ino)
    assert Files(b"open", (b"f",)) in items


@needs_root
def test_unreadable_root(root: Path) -> None:
    """Where the root cannot be listed there is nothing to report on: the source is unusable."""
    root.chmod(0o711)
    descriptor = open_root(os.fsencode(root))
    with as_nobody(), pytest.raises(SourceUnusable, match="Permission denied"):
        list(walk(descriptor))
    os.close(descriptor)


@pytest.mark.parametrize("became", ["nothing", "link", "file"])
def test_directory_that_vanishes_or_is_swapped(root: Path, tmp_path: Path, became: str) -> None:
    """A directory that is gone, or something else, by the time it is opened is not examined; no link is followed."""
    (root / "dir").mkdir()
    for number in range(BATCH):
        (root / str(number)).touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").touch()
    descriptor = open_root(os.fsencode(root))
    items: list[Files | Entry] = []
    for item in walk(descriptor):
        if not items:
            (root / "dir").rmdir()
            if became == "link":
                (root / "dir").symlink_to(tmp_path / "outside")
            elif became == "file":
                (root / "dir").touch()
        items.append(item)
    os.close(descriptor)
    # Which of the two the listing shows once the name has been replaced is the file system's choice.
    shown = [item for item in items if isinstance(item, Entry) and item.path == b"dir"]
    assert {entry.reason for entry in shown} <= {FailureReason.DIRECTORY_UNREADABLE, ExclusionReason.SYMLINK}
    assert not any(b"secret" in path for item in items if isinstance(item, Files) for path in paths(item))


@needs_mounts
def test_mounts_inside_the_evidence(root: Path, tmp_path: Path) -> None:
    """A tmpfs and a bind mount within are mount points, excluded; crossed when asked, each file is seen."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/bound").touch()
    with mounted("none", root / "tmpfs", "tmpfs", "rw"), bound(tmp_path / "elsewhere", root / "bind"):
        (root / "tmpfs/inner").touch()
        kept = walked(root)
        crossed = walked(root, cross_mounts=True)
    assert kept.files == []
    assert {(e.path, e.reason) for e in kept.entries} == {
        (b"tmpfs", ExclusionReason.MOUNT_POINT),
        (b"bind", ExclusionReason.MOUNT_POINT),
    }
    assert sorted(crossed.files) == [b"bind/bound", b"tmpfs/inner"]
    assert {entry.reason for entry in crossed.entries} == {ExclusionReason.DIRECTORY}


@needs_mounts
def test_bind_mount_loop(root: Path) -> None:
    """The root bound inside itself is a mount point; where mounts are crossed it is a loop, broken and reported."""
    (root / "file").touch()
    (root / "dir").mkdir()
    with bound(root, root / "dir/again"):
        assert walked(root).entry(b"dir/again").reason is ExclusionReason.MOUNT_POINT
        crossed = walked(root, cross_mounts=True)
    again = crossed.entry(b"dir/again")
    assert (again.outcome, again.reason) == (Outcome.NOT_EXAMINED, FailureReason.DIRECTORY_LOOP)
    assert crossed.files == [b"file"]


@needs_mounts
@needs("find", "mke2fs")
def test_kinds_that_the_listing_leaves_open(root: Path, tmp_path: Path) -> None:
    """A file system that keeps no types in its directories is asked about each entry; nothing else changes."""
    kinds = build_zoo(root)
    image = ext4_image(tmp_path / "image", root, features="^filetype")
    with loop(image) as device, mounted(device, tmp_path / "m", "ext4", "ro,noload") as mount:
        tree = walked(mount)
        assert tree.seen == found(mount)
    kinds[b"lost+found"] = ExclusionReason.DIRECTORY
    assert tree.files == [b"file"]
    assert {entry.path: entry.reason for entry in tree.entries} == kinds


WALK_ALL = """
import os, sys
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.tree import Files, walk
for item in walk(open_root(os.fsencode(sys.argv[1]))):
    print(len(item.names) if isinstance(item, Files) else item[:4])
"""


def walk_with_broken_listing(root: Path, broken: Path, nth: int) -> subprocess.CompletedProcess[str]:
    inject = f"inject=getdents64:error=EIO:when={nth}"
    strace = ["strace", "-qq", "-o", os.devnull, "-P", str(broken), "-e", "trace=getdents64", "-e", inject]
    command = [*strace, sys.executable, "-c", WALK_ALL, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("needs ptrace")
    return done


@needs("strace")
@pytest.mark.parametrize("where", ["dir", "."])
def test_listing_that_breaks_off(root: Path, where: str) -> None:
    """EIO midway: what was listed until then is examined, and the directory, or the root, is not examined."""
    (root / "dir").mkdir()
    for number in range(2000):
        (root / where / f"{number:04}").touch()
    done = walk_with_broken_listing(root, root / where, 2)
    *counts, last = [line for line in done.stdout.splitlines() if not line.startswith("(b'dir', <Outcome.EXCLUDED")]
    assert 0 < sum(int(count) for count in counts) < 2000
    entry = Entry(os.fsencode(where), Outcome.NOT_EXAMINED, FailureReason.DIRECTORY_UNREADABLE, errno.EIO)
    assert last == str(entry[:4])


@needs("strace")
def test_listing_of_the_root_that_never_starts(root: Path) -> None:
    """EIO at the first block of the root: the root, too, is not examined, and nothing passes for an empty tree."""
    done = walk_with_broken_listing(root, root, 1)
    entry = Entry(b".", Outcome.NOT_EXAMINED, FailureReason.DIRECTORY_UNREADABLE, errno.EIO)
    assert done.stdout.splitlines() == [str(entry[:4])]
