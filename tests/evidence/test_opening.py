"""Opening beneath the root, by openat2 and by hand, which must not differ."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashmatch.evidence.opening import open_by, open_by_components, open_by_openat2, open_directory, open_root
from tests.evidence.mounting import as_nobody, bound, mounted, needs_mounts, needs_root, run

Open = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/file").touch()
    (tmp_path / "outside").mkdir()
    descriptor = open_root(os.fsencode(tmp_path / "root"))
    yield descriptor
    os.close(descriptor)
    run("rm", "-rf", tmp_path / "root")  # pytest removes trees by recursion, which the deep ones outrun


@pytest.fixture(params=[open_by_openat2, open_by_components])
def opened(request: pytest.FixtureRequest) -> Open:
    """Open and close again, and see that nothing else stays open; return the inode."""

    def open_once(root: int, path: bytes, cross_mounts: bool = False) -> int:
        before = len(os.listdir("/proc/self/fd"))
        try:
            descriptor = open_by(request.param, root, path, cross_mounts=cross_mounts)
            try:
                os.listdir(descriptor)
                return os.fstat(descriptor).st_ino
            finally:
                os.close(descriptor)
        finally:
            assert len(os.listdir("/proc/self/fd")) == before

    return open_once


def refusal(opened: Open, root: int, path: bytes) -> int | None:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        opened(root, path)
    return caught.value.errno


def test_directories_beneath(opened: Open, root: int, tmp_path: Path) -> None:
    """The root itself and what is in it open for listing."""
    assert opened(root, b"") == (tmp_path / "root").stat().st_ino
    assert opened(root, b"a/b") == (tmp_path / "root/a/b").stat().st_ino


def test_links_lead_nowhere(opened: Open, root: int, tmp_path: Path) -> None:
    """A link is refused as the last name and on the way, whether it leads out of the root or stays in it."""
    (tmp_path / "root/out").symlink_to(tmp_path / "outside")
    (tmp_path / "root/in").symlink_to("a")
    (tmp_path / "root/loop").symlink_to("loop")
    for path in (b"out", b"in", b"in/b", b"loop"):
        assert refusal(opened, root, path) in (errno.ELOOP, errno.ENOTDIR)


def test_other_failures(opened: Open, root: int) -> None:
    """Absent names, files and over-long names keep the system's error number."""
    assert refusal(opened, root, b"gone") == errno.ENOENT
    assert refusal(opened, root, b"a/gone/x") == errno.ENOENT
    assert refusal(opened, root, b"file") == errno.ENOTDIR
    assert refusal(opened, root, b"a/" + b"x" * 5000) == errno.ENAMETOOLONG


def test_paths_longer_than_path_max(opened: Open, root: int, tmp_path: Path) -> None:
    """Depth 100 with names of 255 bytes: 25,000 bytes of path, and failures at its end close all waypoints."""
    name = b"d" * 255
    make_chain(tmp_path / "root", name, 100)
    path = b"/".join([name] * 100)
    assert len(path) > 4096 * 6
    assert opened(root, path)
    assert refusal(opened, root, path + b"/gone") == errno.ENOENT


def make_chain(directory: Path, name: bytes, depth: int) -> None:
    at = os.open(directory, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


@needs_root
def test_noatime_is_not_insisted_on(opened: Open, root: int, tmp_path: Path) -> None:
    """A reader who does not own a directory lists it all the same."""
    inode = (tmp_path / "root/a").stat().st_ino
    with as_nobody():
        assert opened(root, b"a") == inode


@needs_mounts
def test_mounts_are_crossed_only_when_asked(opened: Open, root: int, tmp_path: Path) -> None:
    """EXDEV for a tmpfs and for a bind mount of the very same file system, at the mount and beneath it."""
    with mounted("none", tmp_path / "root/a/b", "tmpfs", "rw"), bound(tmp_path / "outside", tmp_path / "root/bind"):
        (tmp_path / "root/a/b/inner").mkdir()
        (tmp_path / "outside/inner").mkdir()
        for path in (b"a/b", b"a/b/inner", b"bind", b"bind/inner"):
            assert refusal(opened, root, path) == errno.EXDEV
            assert opened(root, path, cross_mounts=True)


def test_listing_leaves_the_access_time(root: int, tmp_path: Path) -> None:
    """A directory of one's own has the access time it had."""
    directory = tmp_path / "root/a"
    os.utime(directory, ns=(10**18, 10**18))
    descriptor = open_directory(root, b"a")
    assert os.listdir(descriptor) == ["b"]
    os.close(descriptor)
    assert directory.stat().st_atime_ns == 10**18
