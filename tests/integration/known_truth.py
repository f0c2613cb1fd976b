"""Made-up content of which the truth is known, and file systems of every kind that hold it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.evidence.mounting import again, ext4_image, loop, mounted, mounted_ntfs, run, squashfs_image

DIRECTORIES: Final = 20
NAMES: Final = 100
PLANTED: Final = 200


class Truth(NamedTuple):
    """A tree of 2,000 files in which every name and every size occurs in 20 directories, and 200 files are planted."""

    tree: Path
    planted: dict[bytes, str]


def make_truth(tree: Path) -> Truth:
    """Make the tree. A planted file differs from its 19 decoys by the id it begins with."""
    planted = {}
    for directory in range(DIRECTORIES):
        (tree / f"box {directory:02}").mkdir(parents=True)
        for name in range(NAMES):
            path = f"box {directory:02}/IMG_{name:04}.JPG"
            is_planted = (directory + name) % (DIRECTORIES * NAMES // PLANTED) == 0
            head = f"{'planted' if is_planted else 'a decoy'} {directory:02} {name:04} "
            content = head.encode().ljust(100 + 83 * name, b"\xa5")
            (tree / path).write_bytes(content)
            if is_planted:
                planted[path.encode()] = hashlib.sha256(content).hexdigest()
    assert len(planted) == PLANTED
    return Truth(tree, planted)


def ext4(image: Path, tree: Path) -> None:
    ext4_image(image, tree, 64)


def squashfs(image: Path, tree: Path) -> None:
    squashfs_image(image, tree)


def btrfs(image: Path, tree: Path) -> None:
    _blank(image, 256)
    run("mkfs.btrfs", "-q", "-f", "--rootdir", tree, image)


def iso9660(image: Path, tree: Path) -> None:
    run("xorriso", "-as", "mkisofs", "-quiet", "-r", "-o", image, tree)


def xfs(image: Path, tree: Path) -> None:
    run("mkfs.xfs", "-q", "-f", _blank(image, 300))
    with loop(image, read_only=False) as device, mounted(device, image.with_suffix(".rw"), "xfs", "nouuid") as root:
        _fill(root, tree)


def ntfs(image: Path, tree: Path) -> None:
    run("mkntfs", "-F", "-q", "-Q", _blank(image, 64))
    with loop(image, read_only=False) as device, mounted_ntfs(device, image.with_suffix(".rw"), "rw") as root:
        _fill(root, tree)


def exfat(image: Path, tree: Path) -> None:
    run("mkfs.exfat", _blank(image, 64))
    with loop(image, read_only=False) as device, _fuse(["mount.exfat-fuse", device], image.with_suffix(".rw")) as root:
        _fill(root, tree)


def vfat(image: Path, tree: Path) -> None:
    run("mkfs.vfat", _blank(image, 64))
    with _fuse(["fusefat", "-o", "rw+", image], image.with_suffix(".rw")) as root:
        _fill(root, tree)


class Kind(NamedTuple):
    """A file system: how an image is made, and with which programs it is made and mounted."""

    make: Callable[[Path, Path], None]
    programs: tuple[str, ...]


KINDS: Final = {
    "ext4": Kind(ext4, ("mke2fs",)),
    "xfs": Kind(xfs, ("mkfs.xfs",)),
    "btrfs": Kind(btrfs, ("mkfs.btrfs",)),
    "squashfs": Kind(squashfs, ("mksquashfs",)),
    "iso9660": Kind(iso9660, ("xorriso",)),
    "ntfs": Kind(ntfs, ("mkntfs", "ntfs-3g")),
    "exfat": Kind(exfat, ("mkfs.exfat", "mount.exfat-fuse")),
    "vfat": Kind(vfat, ("mkfs.vfat", "fusefat")),
}


def make_image(kind: str, image: Path, tree: Path) -> None:
    """Make an image that holds a tree; skip where a program for it is absent."""
    programs = KINDS[kind].programs
    if absent := [name for name in programs if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(absent)}")
    KINDS[kind].make(image, tree)


@contextmanager
def dirty(image: Path, fs_type: str, copy: Path) -> Iterator[Path]:
    """Write some files, and copy the image while it is mounted, as from a machine whose plug was pulled."""
    with contextlib.ExitStack() as stack:
        device = stack.enter_context(loop(image, read_only=False))
        root = image.with_suffix(".rw")
        stack.enter_context(
            mounted_ntfs(device, root, "rw") if fs_type == "ntfs" else mounted(device, root, fs_type, "rw")
        )
        for number in range(5):
            (root / f"recent-{number}").write_text(f"recent content {number}")
        subprocess.run(["sync", "-f", root / "recent-0"], check=True)
        (root / "not yet on the disk").write_text("recent content")
        run("cp", "--reflink=never", "--sparse=always", image, copy)
    yield copy


@contextmanager
def _fuse(command: list[str | Path], where: Path) -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    subprocess.run([*command, where], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield where
    finally:
        again(["umount", str(where)])


def _fill(root: Path, tree: Path) -> None:
    run("cp", "-r", f"{tree}/.", root)


def _blank(image: Path, mebibytes: int) -> Path:
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    return image
