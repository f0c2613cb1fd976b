"""The block devices under a mounted file system, and whether they can be written to.

`ro` in the mount table does not protect an image: mounting a file system with a dirty journal `-o ro` replays the
journal onto the device. Only a read-only device cannot be changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import uuid
from typing import Final, NamedTuple

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.mounts import Mount, readable

_SYS_BLOCK: Final = b"/sys/dev/block/"
_SYS_BTRFS: Final = b"/sys/fs/btrfs/"

# _IOR(0x94, 31, struct btrfs_ioctl_fs_info_args): max_id, num_devices, fsid, reserved to 1024 bytes. Only reads.
_BTRFS_FS_INFO: Final = 0x8400941F
_FS_INFO: Final = struct.Struct("=QQ16s")


class BlockDevice(NamedTuple):
    """A block device that holds evidence.

    Attributes:
        name: the kernel's: "loop0", "sdb1".
        number: "major:minor".
        read_only: the kernel refuses to write to it.
        parent: the disk a partition is on. Partitions do not inherit a disk's `blockdev --setro` later.
        parent_read_only: of that disk; None where there is none.
        backing_file: the image behind a loop device.
    """

    name: str
    number: str
    read_only: bool
    parent: str | None = None
    parent_read_only: bool | None = None
    backing_file: str | None = None


class DevicesUnknown(SourceUnusable):
    """The file system has block devices, but they cannot be told."""


def devices_of(mount: Mount, root: int) -> tuple[BlockDevice, ...]:
    """Return the devices of a file system; none for one that is on no block device (FUSE, tmpfs, network).

    Args:
        mount: the mount the evidence is on.
        root: a readable descriptor of a directory in it.

    Raises:
        DevicesUnknown: there must be some, but which is not known; that is no leave to call it read-only.
    """
    try:
        return tuple(_device(number) for number in _numbers(mount, root))
    except (OSError, ValueError) as error:
        raise DevicesUnknown(f"{mount.fs_type} on {readable(mount.source)}: {error}") from error


def _numbers(mount: Mount, root: int) -> list[str]:
    if not mount.device.startswith("0:"):
        return [mount.device]
    if mount.fs_type == "btrfs":
        return _btrfs_members(root)
    if mount.fs_type == "zfs":
        raise ValueError("pool members cannot be told from the mount")
    return _named_in_source(mount.source)


def _named_in_source(source: bytes) -> list[str]:
    """Return the devices that the source names; several are joined by colons (bcachefs)."""
    numbers = []
    for name in source.split(b":"):
        if name.startswith(b"/"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                status = os.stat(name)
                if stat.S_ISBLK(status.st_mode):
                    numbers.append(f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}")
    return numbers


def _btrfs_members(root: int) -> list[str]:
    """Return every device of a btrfs: `st_dev` and the mount source name at most one of them."""
    answer = fcntl.ioctl(root, _BTRFS_FS_INFO, bytes(1024))
    _, expected, fsid = _FS_INFO.unpack_from(answer)
    directory = b"%b%b/devices/" % (_SYS_BTRFS, str(uuid.UUID(bytes=fsid)).encode("ascii"))
    numbers = [_attribute(directory + name + b"/dev") for name in os.listdir(directory)]
    if len(numbers) != expected:
        raise ValueError(f"expected {expected} btrfs devices, got {len(numbers)}")
    return sorted(numbers)


def _device(number: str) -> BlockDevice:
    directory = os.path.realpath(_SYS_BLOCK + number.encode("ascii"))
    read_only = _attribute(directory + b"/ro") == "1"
    disk = directory
    parent, parent_read_only = None, None
    if os.path.exists(directory + b"/partition"):
        disk = os.path.dirname(directory)
        parent = readable(os.path.basename(disk))
        parent_read_only = _attribute(disk + b"/ro") == "1"
    backing_file = None
    with contextlib.suppress(FileNotFoundError):
        backing_file = _attribute(disk + b"/loop/backing_file")
    return BlockDevice(readable(os.path.basename(directory)), number, read_only, parent, parent_read_only, backing_file)


def _attribute(path: bytes) -> str:
    with open(path, "rb") as file:
        return readable(file.read().rstrip(b"\n"))
