"""What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)).

The mount of an open file is found by its mount id, not by comparing paths: mounts hide one another, and the same
file system can be bound in many places.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo.

    Attributes:
        mount_id, parent_id: the mount and the one it is mounted on.
        device: "major:minor" of the file system; major 0 means that it has no block device of its own.
        root: the directory of the file system that is mounted; other than b"/" for bind mounts and subvolumes.
        mount_point: where, as seen from this process's root.
        options: of this mount.
        fs_type: the driver, with a subtype: "fuse.sshfs".
        source: what was mounted; for many file systems a mere word.
        super_options: of the file system, shared by all its mounts.
    """

    mount_id: int
    parent_id: int
    device: str
    root: bytes
    mount_point: bytes
    options: frozenset[str]
    fs_type: str
    source: bytes
    super_options: frozenset[str]


def parse_mounts(mountinfo: bytes) -> Iterator[Mount]:
    """Read the content of a mountinfo file.

    Raises:
        ValueError: a line is not what proc_pid_mountinfo(5) says.
    """
    for line in mountinfo.split(b"\n"):
        if line:
            yield _parse_line(line)


def _parse_line(line: bytes) -> Mount:
    # Fields are split at single blanks, as the source may be empty. Optional fields stand before the lone hyphen.
    fields = line.split(b" ")
    try:
        hyphen = fields.index(b"-", 6)
        fs_type, source, super_options = fields[hyphen + 1 : hyphen + 4]
        number, parent, device, root, mount_point, options = fields[:6]
        return Mount(
            int(number),
            int(parent),
            device.decode("ascii"),
            unescape(root),
            unescape(mount_point),
            _options(options),
            readable(unescape(fs_type)),
            unescape(source),
            _options(super_options),
        )
    except ValueError as error:
        raise ValueError(f"mountinfo: expected a mount, got {line!r}") from error


def unescape(field: bytes) -> bytes:
    r"""Undo the octal escapes (``\040`` for a blank) that keep fields and lines apart."""
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), field)


def _options(field: bytes) -> frozenset[str]:
    return frozenset(readable(unescape(option)) for option in field.split(b","))


def readable(field: bytes) -> str:
    """Return bytes as text that can be printed, for people and reports; never to be opened again."""
    text = field.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def read_mounts() -> dict[int, Mount]:
    """Return the mounts this process sees, by mount id."""
    with open("/proc/self/mountinfo", "rb") as file:
        return {mount.mount_id: mount for mount in parse_mounts(file.read())}


def mount_id(descriptor: int) -> int:
    """Return the id of the mount an open file (O_PATH suffices) is on."""
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
        for line in file:
            if line.startswith(b"mnt_id:"):
                return int(line[7:])
    raise OSError(f"/proc/self/fdinfo/{descriptor}: expected a mount id, got none")


def mount_of(path: bytes) -> Mount | None:
    """Return the mount that an existing path lies on; None where it is hidden from this process (chroot)."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return read_mounts().get(mount_id(descriptor))
    finally:
        os.close(descriptor)
