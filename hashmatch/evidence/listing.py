"""Listing a directory as the kernel gives it.

The C library's readdir, which `os.scandir` stands on, passes over entries whose inode number is 0. ntfs-3g's $MFT is
one, and in a forged file system any entry can be. getdents64 hides nothing, gives names as bytes and the type of
every kind, and takes no longer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

_SIZE: Final = 32 * 1024

# struct linux_dirent64 (getdents(2)): d_ino (8 bytes), d_off (8), d_reclen (2), d_type (1), then the name to a NUL.
# The kernel begins each on a multiple of 8 bytes (`filldir64` in fs/readdir.c).
_LENGTH: Final = 16
_TYPE: Final = 18
_NAME: Final = 19
_DT_REG: Final = stat.S_IFREG >> 12

_getdents64: Final = ctypes.CDLL(None, use_errno=True).getdents64
_getdents64.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_getdents64.restype = ctypes.c_ssize_t


class Listed(NamedTuple):
    """A name in a directory; `kind` is the file type as in `st_mode`, 0 where the file system does not say."""

    name: bytes
    kind: int
    inode: int


class Stretch(NamedTuple):
    """A part of a listing: the names of regular files, their inode numbers if asked for, and whatever else there is."""

    files: list[bytes]
    inodes: list[int]
    others: list[Listed]


def list_directory(directory: int, *, inodes: bool = False) -> Iterator[Stretch]:
    """Yield the entries of a directory that was just opened, but for itself and its parent, part by part.

    Raises:
        OSError: the listing breaks off; what came before stands.
    """
    buffer = ctypes.create_string_buffer(_SIZE)
    while block := _read_block(directory, buffer):
        yield _entries(block, inodes=inodes)


def _entries(block: bytes, *, inodes: bool) -> Stretch:
    files: list[bytes] = []
    found: list[int] = []
    others: list[Listed] = []
    # A million files pass here: views cost a third of what `struct` does, and of a file only the name is needed.
    numbers, lengths = memoryview(block).cast("Q"), memoryview(block).cast("H")
    at, end = 0, len(block)
    while at < end:
        name = block[at + _NAME : block.index(0, at + _NAME)]
        kind = block[at + _TYPE]
        if kind == _DT_REG:
            files.append(name)
            if inodes:
                found.append(numbers[at // 8])
        elif name not in (b".", b".."):
            others.append(Listed(name, kind << 12, numbers[at // 8]))
        at += lengths[(at + _LENGTH) // 2]
    return Stretch(files, found, others)


def _read_block(directory: int, buffer: ctypes.Array[ctypes.c_char]) -> bytes:
    while True:
        filled = int(_getdents64(directory, buffer, _SIZE))
        if filled >= 0:
            return ctypes.string_at(buffer, filled)
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
