"""Real file systems in images, attached and mounted for the length of a `with`; and what a test needs to do so."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


def run(*command: str | Path) -> str:
    """Run a program that must succeed; its complaint is in the error."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(str(word) for word in command)}: {done.stderr}{done.stdout}")
    return done.stdout.strip()


@functools.cache
def can_mount() -> bool:
    """Try it: a container's root may be root in name only."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as directory:
        attached = subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode == 0
        if subprocess.run(["mount", "-t", "tmpfs", "none", directory], capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", directory], check=True)
    return attached


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make device nodes or become another user")
needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root that may mount and attach loop devices")
needs_ntfs = pytest.mark.skipif(
    not (can_mount() and shutil.which("mkntfs") and shutil.which("ntfs-3g") and os.path.exists("/dev/fuse")),
    reason="needs root that may mount, mkntfs, ntfs-3g and /dev/fuse",
)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's rights in this process for a while."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def loop(image: Path, *, read_only: bool = True) -> Iterator[Path]:
    """Attach an image to a loop device."""
    device = run("losetup", *(["-r"] if read_only else []), "-f", "--show", image)
    try:
        yield Path(device)
    finally:
        again(["losetup", "-d", device])


@contextmanager
def mounted(source: Path | str, where: Path, fs_type: str | None = None, options: str = "ro") -> Iterator[Path]:
    """Mount a device, or whatever else the type takes, on a directory that is made for it where nothing is."""
    if not where.exists():
        where.mkdir()
    run("mount", *(["-t", fs_type] if fs_type else []), "-o", options, source, where)
    try:
        yield where
    finally:
        again(["umount", str(where)])


@contextmanager
def mounted_ntfs(device: Path, where: Path, options: str = "ro,streams_interface=windows") -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    run("ntfs-3g", "-o", options, device, where)
    try:
        yield where
    finally:
        again(["umount", str(where)])


@contextmanager
def bound(directory: Path, where: Path, *, read_only: bool = False) -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    run("mount", "--bind", directory, where)
    try:
        if read_only:
            run("mount", "-o", "remount,bind,ro", where)
        yield where
    finally:
        again(["umount", str(where)])


def again(command: list[str]) -> None:
    """Run what says "busy" for a moment after its last user has gone, a loop device's own reader among them."""
    for _ in range(50):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    run(*command)


def ext4_image(image: Path, content: Path | None = None, mebibytes: int = 16, features: str = "") -> Path:
    _blank(image, mebibytes)
    options = (["-d", str(content)] if content else []) + (["-O", features] if features else [])
    run("mke2fs", "-q", "-t", "ext4", "-F", *options, image)
    return image


def xfs_image(image: Path) -> Path:
    run("mkfs.xfs", "-q", "-f", _blank(image, 300))
    return image


def btrfs_image(*images: Path) -> Path:
    for image in images:
        _blank(image, 128)
    run("mkfs.btrfs", "-q", "-f", *images)
    return images[0]


def ntfs_image(image: Path, mebibytes: int = 16) -> Path:
    run("mkntfs", "-F", "-q", "-Q", _blank(image, mebibytes))
    return image


def squashfs_image(image: Path, content: Path) -> Path:
    run("mksquashfs", content, image, "-quiet", "-no-progress")
    return image


def _blank(image: Path, mebibytes: int) -> Path:
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    return image
