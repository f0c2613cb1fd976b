"""Whether evidence lies on a disk that rotates, which is read best by one reader and in the order of its places.

The block layer says it of real disks. What stands upon other devices has a flag of its own that need not be theirs:
a loop device is as the disk of its image, a mapped or joined one as its members. Of a virtual disk nothing is known
where the flag is set, because virtio_blk sets it for every disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hashmatch.evidence.devices import DevicesUnknown, devices_of
from hashmatch.evidence.mounts import mount_of

SYS: Final = b"/sys"

_DEPTH: Final = 8  # devices upon devices that are followed
_VIRTUAL: Final = b"vd"

Holders = Callable[[bytes], Sequence[str]]


def devices_holding(file: bytes) -> Sequence[str]:
    """Return the numbers ("major:minor") of the block devices that a file lies on; none where it lies on none.

    Raises:
        OSError: it is not to be found.
        DevicesUnknown: there must be some, but which is not known.
    """
    mount = mount_of(file)
    if mount is None:
        return ()
    directory = os.open(os.path.dirname(file), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return [device.number for device in devices_of(mount, directory)]
    finally:
        os.close(directory)


def any_rotates(numbers: Iterable[str], sys: bytes = SYS, holders: Holders = devices_holding) -> bool | None:
    """Tell whether one of several devices rotates; None where that is not known, or there is no device.

    Args:
        numbers: "major:minor" of each.
        sys: where sysfs is mounted.
        holders: finds the devices that the image of a loop device lies on.
    """
    return _any([_rotates(number, sys, holders, _DEPTH) for number in numbers])


def _any(answers: Sequence[bool | None]) -> bool | None:
    if True in answers:
        return True
    return False if answers and None not in answers else None


def _rotates(number: str, sys: bytes, holders: Holders, depth: int) -> bool | None:
    disk = os.path.realpath(sys + b"/dev/block/" + number.encode("ascii"))
    if os.path.exists(disk + b"/partition"):
        disk = os.path.dirname(disk)
    try:
        below = _below(disk, holders)
        if below is not None:
            return _any([_rotates(each, sys, holders, depth - 1) for each in below]) if depth else None
        flag = _attribute(disk + b"/queue/rotational")
    except (OSError, DevicesUnknown):
        return None
    if os.path.basename(disk).startswith(_VIRTUAL) and flag == "1":
        return None
    return {"0": False, "1": True}.get(flag)


def _below(disk: bytes, holders: Holders) -> Sequence[str] | None:
    """Return the devices that one stands upon; None where it is a disk itself."""
    image = disk + b"/loop/backing_file"
    if os.path.exists(image):
        with open(image, "rb") as file:
            return holders(file.read().rstrip(b"\n"))
    try:
        members = os.listdir(disk + b"/slaves")
    except FileNotFoundError:
        return None
    return [_attribute(b"%b/slaves/%b/dev" % (disk, member)) for member in members] or None


def _attribute(path: bytes) -> str:
    with open(path, "rb") as file:
        return file.read().strip().decode("ascii", "replace")
