"""Facts about an evidence source, and whether it is safe to read.

Safe means that nothing this machine does can change it: the mount is `ro`, the file system is `ro`, and so is every
block device it lies on. Any two of them leave a way to write.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import Final

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.devices import BlockDevice, DevicesUnknown, devices_of
from hashmatch.evidence.mounts import Mount, mount_id, read_mounts, readable
from hashmatch.evidence.opening import open_directory, open_root
from hashmatch.evidence.rotation import any_rotates
from hashmatch.evidence.streams import has_ntfs_attributes, offers_streams

_NTFS_TYPES: Final = frozenset({"ntfs", "ntfs3", "fuse.ntfs-3g", "fuse.ntfs"})
_UNREPLAYED: Final = frozenset({"noload", "norecovery", "nologreplay", "rescue=nologreplay", "rescue=all"})

_HOW_TO_MOUNT: Final = {
    "ext2": "mount -t ext4 -o ro,noload DEVICE",
    "ext3": "mount -t ext4 -o ro,noload DEVICE",
    "ext4": "mount -t ext4 -o ro,noload DEVICE",
    "xfs": "mount -t xfs -o ro,norecovery,nouuid DEVICE",
    "btrfs": "mount -t btrfs -o ro,rescue=nologreplay DEVICE",
    "ntfs": "ntfs-3g -o ro,show_sys_files,streams_interface=windows DEVICE",
}


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of an evidence source before it is read. Text is for reports; `path_bytes` is for opening.

    Attributes:
        path_bytes: the directory, links resolved.
        identity: its (st_dev, st_ino).
        path: as it was asked for.
        real_path: `path_bytes` as text.
        mount_point: of the mount it is on.
        fs_root: the directory of the file system that is mounted there; other than "/" for binds and subvolumes.
        fs_type, fs_device, mount_source, mount_options, super_options: from mountinfo.
        devices: block devices; none for a file system that is on none.
        writable: for each thing that can be written to, which it is; empty where the source is read-only.
        journal_not_replayed: what stands only in the journal is not seen.
        is_mount_root: all of the mount is examined, not a part of it.
        rotational: it lies on a disk that rotates; None where that is not known.
        used_bytes, used_inodes: of the whole file system, to estimate progress by; 0 where it does not say.
        ntfs: it is NTFS through ntfs-3g, which shows reparse points and streams in ways of its own.
        streams_covered: whatever alternate data streams there are will be read. False for NTFS mounted otherwise
            than by ntfs-3g with streams_interface=windows.
    """

    path_bytes: bytes
    identity: tuple[int, int]
    path: str
    real_path: str
    mount_point: str
    fs_root: str
    fs_type: str
    fs_device: str
    mount_source: str
    mount_options: tuple[str, ...]
    super_options: tuple[str, ...]
    devices: tuple[BlockDevice, ...]
    writable: tuple[str, ...]
    journal_not_replayed: bool
    is_mount_root: bool
    rotational: bool | None
    used_bytes: int
    used_inodes: int
    ntfs: bool
    streams_covered: bool

    @property
    def read_only(self) -> bool:
        return not self.writable

    @property
    def one_device(self) -> bool:
        """Whether files have the `st_dev` of their directory; overlayfs shows that of a layer."""
        return self.fs_type != "overlay"


def check_source(path: str | bytes | os.PathLike[str], allow_writable: str | None = None) -> SourceFacts:
    """Return the facts about a source that may be read.

    Args:
        path: the directory the evidence is mounted on, or one in it.
        allow_writable: why a source that can be written to is used all the same.

    Raises:
        SourceUnusable: it is absent, unreadable, no directory, or writable without a reason.
    """
    facts = inspect_source(path)
    if facts.read_only or (allow_writable and allow_writable.strip()):
        return facts
    raise SourceUnusable(f"{facts.path}: expected a read-only source, got {'; '.join(facts.writable)}. {_mend(facts)}")


def inspect_source(path: str | bytes | os.PathLike[str]) -> SourceFacts:
    """Return the facts about a source, writable or not.

    Raises:
        SourceUnusable: it is absent, unreadable, or no directory, or the mount it is on cannot be told.
    """
    asked = os.fsencode(path)
    try:
        root = open_root(asked)
        try:
            directory = open_directory(root, b"")
        finally:
            os.close(root)
    except OSError as error:
        raise SourceUnusable(_not_openable(asked, error)) from error
    try:
        return _facts(asked, directory)
    finally:
        os.close(directory)


def _facts(asked: bytes, directory: int) -> SourceFacts:
    path = os.readlink(b"/proc/self/fd/%d" % directory)
    mount = read_mounts().get(mount_id(directory))
    if mount is None:
        raise SourceUnusable(f"{readable(asked)}: the mount it is on is hidden from this process")
    status = os.fstat(directory)
    usage = os.fstatvfs(directory)
    devices, writable = _writability(mount, directory)
    any_ntfs = mount.fs_type in _NTFS_TYPES or has_ntfs_attributes(directory)
    return SourceFacts(
        path_bytes=path,
        identity=(status.st_dev, status.st_ino),
        path=readable(asked),
        real_path=readable(path),
        mount_point=readable(mount.mount_point),
        fs_root=readable(mount.root),
        fs_type=mount.fs_type,
        fs_device=mount.device,
        mount_source=readable(mount.source),
        mount_options=tuple(sorted(mount.options)),
        super_options=tuple(sorted(mount.super_options)),
        devices=devices,
        writable=writable,
        journal_not_replayed=bool(_UNREPLAYED & (mount.options | mount.super_options)),
        is_mount_root=path == mount.mount_point,
        rotational=any_rotates(device.number for device in devices),
        used_bytes=(usage.f_blocks - usage.f_bfree) * usage.f_frsize,
        used_inodes=max(0, usage.f_files - usage.f_ffree),
        ntfs=any_ntfs and mount.fs_type.startswith("fuse"),
        streams_covered=not any_ntfs or offers_streams(directory),
    )


def _writability(mount: Mount, directory: int) -> tuple[tuple[BlockDevice, ...], tuple[str, ...]]:
    writable = []
    if "ro" not in mount.options:
        writable.append(f"a mount that is not ro (mount options of {readable(mount.mount_point)})")
    if "ro" not in mount.super_options:
        writable.append(f"a file system that is not ro (superblock options of {readable(mount.source)})")
    devices: tuple[BlockDevice, ...] = ()
    try:
        devices = devices_of(mount, directory)
    except DevicesUnknown as error:
        writable.append(f"block devices that cannot be told ({error})")
    for device in devices:
        if not device.read_only:
            image = f", image {device.backing_file}" if device.backing_file else ""
            writable.append(f"a block device that is writable ({device.name}{image})")
    return devices, tuple(writable)


def _not_openable(path: bytes, error: OSError) -> str:
    shown = readable(path)
    if error.errno == errno.ENOENT:
        return f"{shown}: expected a directory that evidence is mounted on, got nothing there"
    if error.errno != errno.ENOTDIR:
        return f"{shown}: expected a directory that can be listed, got {error.strerror}"
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = 0
    if stat.S_ISBLK(mode):
        return (
            f"{shown}: expected a mounted directory, got a block device. Mount it: mount -o ro,noload {shown} DIRECTORY"
        )
    return (
        f"{shown}: expected a mounted directory, got a file. "
        f"If it is a disk image, mount it: losetup -r -f -P --show {shown}; mount -o ro,noload DEVICE DIRECTORY"
    )


def _mend(facts: SourceFacts) -> str:
    """Return the commands that make the source read-only, for the kinds of device it has."""
    if facts.mount_point == "/":
        return "It is on this machine's own root file system: make an image, and mount that read-only"
    how = _HOW_TO_MOUNT.get("ntfs" if facts.ntfs else facts.fs_type, "mount -o ro DEVICE")
    steps = [f"umount {facts.mount_point}"]
    for device in facts.devices:
        if device.backing_file:
            steps.append(f"losetup -r -f -P --show {device.backing_file}")
        else:
            steps.append(f"blockdev --setro /dev/{device.name}")
    steps.append(f"{how} {facts.mount_point}")
    return f"Mend it with: {'; '.join(steps)}"
