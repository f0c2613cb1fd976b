"""Directories forged byte by byte, as somebody would who hides a file from an examiner's tools."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.evidence.mounting import ext4_image, loop, mounted, needs, needs_mounts
from tests.integration.command import Desk

pytestmark = [needs_mounts, needs("mke2fs")]

# Types in an ext4 directory entry, which the kernel passes on without looking at the inode (fs/ext4/ext4.h).
TYPES: Final = {"character device": 3, "block device": 4, "fifo": 5, "socket": 6, "symlink": 7}
FILE, DIRECTORY = 1, 2


def entry(name: bytes, kind: int) -> bytes:
    """Return the part of a directory entry that tells it from the name's other places in an image."""
    return bytes([len(name), kind]) + name


class Forger:
    """An ext4 image whose directory entries are changed before it is mounted."""

    def __init__(self, directory: Path) -> None:
        self._image = directory / "image"
        self.content = directory / "content"
        self.content.mkdir()
        self._changes: list[tuple[bytes, bytes]] = []

    def change(self, before: bytes, after: bytes) -> None:
        assert len(before) == len(after)
        self._changes.append((before, after))

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        ext4_image(self._image, self.content, features="^metadata_csum,^dir_index,^has_journal")
        image = self._image.read_bytes()
        for before, after in self._changes:
            assert image.count(before) == 1
            image = image.replace(before, after)
        self._image.write_bytes(image)
        with loop(self._image) as device, mounted(device, self._image.with_suffix(".root"), "ext4", "ro") as root:
            yield root


@pytest.fixture
def forger(tmp_path: Path) -> Forger:
    return Forger(tmp_path)


@pytest.fixture
def wanted(desk: Desk) -> Desk:
    """Return a desk with a list on which the content `wanted` stands."""
    desk.list_digests([hashlib.sha256(b"wanted").hexdigest()])
    return desk


@pytest.mark.parametrize("kind", TYPES)
def test_file_that_poses_as_something_else(kind: str, forger: Forger, wanted: Desk) -> None:
    """The kind of an entry is the inode's: a listed file is found whatever its directory says it is."""
    (forger.content / "hidden").write_bytes(b"wanted")
    forger.change(entry(b"hidden", FILE), entry(b"hidden", TYPES[kind]))
    with forger.mounted() as root:
        assert stat.S_ISREG((root / "hidden").lstat().st_mode)
        report = wanted.scan(root)
    assert report.paths("flags") == [b"hidden"]
    assert report.outcomes == (1, 0, 0, 1)  # lost+found


def test_file_and_directory_that_pose_as_each_other(forger: Forger, wanted: Desk) -> None:
    """Neither can be what its entry says, so neither was examined."""
    (forger.content / "hidden").write_bytes(b"wanted")
    (forger.content / "holder").mkdir()
    (forger.content / "holder" / "inside").write_bytes(b"wanted")
    forger.change(entry(b"hidden", FILE), entry(b"hidden", DIRECTORY))
    forger.change(entry(b"holder", DIRECTORY), entry(b"holder", FILE))
    with forger.mounted() as root:
        report = wanted.scan(root, code=3)
    reasons = {path: row["reason"] for path, row in report.failures().items()}
    assert reasons == {b"hidden": "directory_unreadable", b"holder": "unstable"}
    assert report.outcomes == (0, 0, 2, 1)


@pytest.mark.parametrize("contents", [(b"wanted", b"decoy!"), (b"decoy!", b"wanted")])
def test_two_files_of_one_name(contents: tuple[bytes, bytes], forger: Forger, wanted: Desk) -> None:
    """A name leads to one of them, so the other one is not examined, whatever the first one is."""
    names = (b"name-1", b"name-2")
    for name, content in zip(names, contents, strict=True):
        (forger.content / name.decode()).write_bytes(content)
    forger.change(entry(names[1], FILE), entry(names[0], FILE))
    with forger.mounted() as root:
        report = wanted.scan(root, code=3)
    assert {path: row["reason"] for path, row in report.failures().items()} == {names[0]: "duplicate_name"}
    assert report.outcomes[2:] == (1, 1)
    assert report.counts["match"] + report.counts["no_match"] == 1
    assert report.counts["seen"] == 3
