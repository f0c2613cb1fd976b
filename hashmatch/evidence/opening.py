"""Opening directories of the evidence, so that nothing in it can lead out of it.

A path is resolved by the kernel (openat2) beneath the open root, through no symbolic link and, unless asked, into no
other mount: links planted while a scan runs change nothing. Where openat2 is missing, or a sandbox forbids it, the
path is walked one component at a time under the same rules.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable, Iterator
from typing import Final

from hashmatch.evidence.mounts import mount_id

_OPENAT2: Final = 437  # one number on every architecture but alpha
_AT_FDCWD: Final = -100
_NO_XDEV: Final = 0x01
_NO_MAGICLINKS: Final = 0x02
_NO_SYMLINKS: Final = 0x04
_BENEATH: Final = 0x08

# PATH_MAX is 4096 with the closing NUL; a path may be as long as the evidence likes, so it is opened in segments.
_SEGMENT: Final = 4095

_WAYPOINT: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_OpenBeneath = Callable[[int, bytes, int, bool], int]


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc: Final = ctypes.CDLL(None, use_errno=True)
_syscall: Final = _libc.syscall
_syscall.restype = ctypes.c_long


def open_root(path: bytes) -> int:
    """Open the directory a person named, links in its path included, as the root everything is opened beneath."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_directory(root: int, path: bytes, *, cross_mounts: bool = False) -> int:
    """Open a directory of the evidence for listing, without touching its access time where that is allowed.

    Args:
        root: the open root; O_PATH suffices.
        path: relative to the root; empty for the root itself.
        cross_mounts: go into file systems mounted inside the evidence.

    Raises:
        OSError: EXDEV for a mount that is not to be crossed, ELOOP or ENOTDIR for what is no directory (any more),
            ENOENT if it has vanished.
    """
    beneath = open_by_openat2 if _openat2_works() else open_by_components
    return open_by(beneath, root, path, cross_mounts=cross_mounts)


def open_by(beneath: _OpenBeneath, root: int, path: bytes, *, cross_mounts: bool) -> int:
    """Open a directory in segments through `beneath`, one of the two functions below."""
    at = root
    try:
        *waypoints, last = _segments(path)
        for waypoint in waypoints:
            inner = beneath(at, waypoint, _WAYPOINT, cross_mounts)
            if at != root:
                os.close(at)
            at = inner
        try:
            return beneath(at, last, _READ | os.O_NOATIME, cross_mounts)
        except OSError as error:
            # O_NOATIME is for the owner and for privileged readers.
            if error.errno != errno.EPERM:
                raise
            return beneath(at, last, _READ, cross_mounts)
    finally:
        if at != root:
            os.close(at)


def open_by_openat2(directory: int, path: bytes, flags: int, cross_mounts: bool) -> int:
    resolve = _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS | (0 if cross_mounts else _NO_XDEV)
    return _openat2(directory, path, flags, resolve)


def open_by_components(directory: int, path: bytes, flags: int, cross_mounts: bool) -> int:
    """Do what openat2 does, a component at a time.

    The mount is compared at the end alone: a path that entered a mount on the way ends in one.
    """
    *parents, last = path.split(b"/")
    at = directory
    try:
        for parent in parents:
            inner = os.open(parent, _WAYPOINT, dir_fd=at)
            if at != directory:
                os.close(at)
            at = inner
        opened = os.open(last, flags, dir_fd=at)
    finally:
        if at != directory:
            os.close(at)
    if not cross_mounts:
        _refuse_other_mount(directory, opened)
    return opened


def _refuse_other_mount(directory: int, opened: int) -> None:
    try:
        if mount_id(directory) != mount_id(opened):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    except BaseException:
        os.close(opened)
        raise


def _segments(path: bytes) -> Iterator[bytes]:
    """Cut a path at slashes into pieces the kernel takes; b"." stands for an empty one."""
    while len(path) > _SEGMENT:
        cut = path.rfind(b"/", 0, _SEGMENT + 1)
        if cut < 0:  # a single name longer than any file system allows: let the kernel say so
            break
        yield path[:cut]
        path = path[cut + 1 :]
    yield path or b"."


def _openat2(directory: int, path: bytes, flags: int, resolve: int) -> int:
    how = _OpenHow(flags, 0, resolve)
    while True:
        opened = int(
            _syscall(_OPENAT2, ctypes.c_int(directory), path, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
        )
        if opened >= 0:
            return opened
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


@functools.cache
def _openat2_works() -> bool:
    """Ask once: kernels before 5.6 say ENOSYS, sandboxes ENOSYS or EPERM."""
    try:
        os.close(_openat2(_AT_FDCWD, b"/", _WAYPOINT, _NO_MAGICLINKS))
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
        return False
    return True
