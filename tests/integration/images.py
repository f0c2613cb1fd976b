"""Disk images as examiners get them: containers opened, volumes found and mounted, nothing written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.evidence.mounting import again, run

SAMPLES: Final = Path(os.environ.get("HASHMATCH_SAMPLES") or Path(__file__).resolve().parents[3] / "shared" / "samples")
SECTOR: Final = 512
_EXTENDED: Final = (0x05, 0x0F, 0x85)

# Tools that show the disk in a container as a file: the command, and the file's name.
_CONTAINERS: Final = {
    ".E01": ("ewfmount", "ewf1"),
    ".qcow2": ("qcowmount", "qcow1"),
    ".qcow": ("qcowmount", "qcow1"),
    ".vmdk": ("vmdkmount", "vmdk1"),
    ".vhd": ("vhdimount", "vhdi1"),
    ".dmg": ("modimount", "modi1"),
}
_KERNEL: Final = {
    "ext2": ("ext4", "ro,noload"),
    "ext3": ("ext4", "ro,noload"),
    "ext4": ("ext4", "ro,noload"),
    "xfs": ("xfs", "ro,norecovery,nouuid"),
    "btrfs": ("btrfs", "ro,rescue=nologreplay"),
    "squashfs": ("squashfs", "ro"),
    "iso9660": ("iso9660", "ro"),
    "hfsplus": ("hfsplus", "ro"),
}
_FUSE: Final = {
    "ntfs": "ntfs-3g -o ro,streams_interface=windows {} {}",
    "exfat": "mount.exfat-fuse -o ro {} {}",
    "vfat": "fusefat -o ro {} {}",
    "apfs": "fsapfsmount -X ro {} {}",
    "iso9660": "fuseiso -n {} {} -o ro",
}


@contextmanager
def disk(image: Path, work: Path) -> Iterator[Path]:
    """Open a container; what is given is a raw disk."""
    if image.suffix == ".xz":
        raw = work / image.stem
        with raw.open("wb") as file:
            subprocess.run(["xz", "-dc", image], stdout=file, check=True)
        yield raw
    elif image.suffix == ".000":
        raw = work / image.stem
        with raw.open("wb") as file:
            for part in parts(image):
                file.write(part.read_bytes())
        yield raw
    elif image.suffix in _CONTAINERS:
        tool, name = _CONTAINERS[image.suffix]
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
        where = work / "container"
        where.mkdir()
        run(tool, image, where)
        try:
            yield where / name
        finally:
            again(["umount", str(where)])
    else:
        yield image


def parts(image: Path) -> list[Path]:
    """Return all files of an image that may be split."""
    stem = image.name.rsplit(".", 1)[0]
    if image.suffix == ".000":
        return sorted(image.parent.glob(f"{stem}.[0-9][0-9][0-9]"))
    if image.suffix == ".E01":
        return sorted(image.parent.glob(f"{stem}.E[0-9][0-9]"))
    return [image]


def volumes(raw: Path) -> list[int]:
    """Return at which bytes the partitions of a disk with an MBR begin, or 0 where it has none."""
    return [0] if _file_system(raw) else list(_partitions(raw, 0, 0)) or [0]


def _partitions(raw: Path, at: int, extended: int) -> Iterator[int]:
    with raw.open("rb") as file:
        file.seek(at)
        sector = file.read(SECTOR)
    if sector[510:] != b"\x55\xaa":
        return
    for entry in (sector[start : start + 16] for start in range(446, 510, 16)):
        kind = entry[4]
        start, size = (int.from_bytes(entry[i : i + 4], "little") * SECTOR for i in (8, 12))
        if kind in _EXTENDED:
            yield from _partitions(raw, extended + start, extended or start)
        elif kind and size:
            yield at + start


def _file_system(path: Path) -> str:
    """Return the type of file system blkid sees, or an empty text."""
    command = ["blkid", "-p", "-o", "value", "-s", "TYPE", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextmanager
def volume_mounted(raw: Path, offset: int, where: Path) -> Iterator[Path]:
    """Mount a volume read-only on a read-only loop device; skip where this system has no driver for it.

    The device reaches to the end of the disk, as one of the samples holds a file system larger than its partition.
    """
    device = run("losetup", "-r", "-o", str(offset), "-f", "--show", raw)
    try:
        with device_mounted(Path(device), where) as root:
            yield root
    finally:
        again(["losetup", "-d", device])


@contextmanager
def device_mounted(device: Path, where: Path) -> Iterator[Path]:
    """Mount what is on a read-only device with the driver there is for it, as the README says to."""
    where.mkdir(exist_ok=True)
    _mount(_file_system(device), device, where)
    try:
        yield where
    finally:
        again(["umount", str(where)])


def _mount(kind: str, device: Path, where: Path) -> None:
    """Mount by the kernel's driver; by one in user space where this kernel has none."""
    if kind in _KERNEL:
        fs_type, options = _KERNEL[kind]
        done = _tried("mount", "-t", fs_type, "-o", options, device, where)
        if "unknown filesystem type" not in done.stderr:
            assert done.returncode == 0, done.stderr
            return
        if kind not in _FUSE:
            pytest.skip(f"this kernel has no {kind}, and there is no driver in user space")
    elif kind not in _FUSE:
        pytest.skip(f"no driver for {kind or 'what is on it'}")
    program, *words = _FUSE[kind].split()
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    places = iter((device, where))
    done = _tried(program, *(next(places) if word == "{}" else word for word in words))
    assert done.returncode == 0, done.stderr


def _tried(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run what mounts, and keep its complaint."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
