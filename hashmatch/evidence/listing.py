"""Listing a directory as the kernel gives it.

The C library's readdir, which `os.scandir` stands on, passes over entries whose inode number is 0. ntfs-3g's $MFT is
one, and in a forged file system any entry can be. getdents64 hides nothing, gives names as bytes and the type of
every kind, and takes no longer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_SIZE: Final = 32 * 1024

# struct linux_dirent64: d_ino, d_off, d_reclen, d_type, then the name to a NUL (getdents(2)).
_HEAD: Final = struct.Struct("=QqHB")
_NAME: Final = _HEAD.size

_getdents64: Final = ctypes.CDLL(None, use_errno=True).getdents64
_getdents64.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_getdents64.restype = ctypes.c_ssize_t


class Listed(NamedTuple):
    """A name in a directory; `kind` is the file type as in `st_mode`, 0 where the file system does not say."""

    name: bytes
    kind: int
    inode: int


def list_directory(directory: int) -> Iterator[Listed]:
    """Yield the entries of a directory that was just opened, but for itself and its parent.

    Raises:
        OSError: the listing breaks off; what came before stands.
    """
    buffer = ctypes.create_string_buffer(_SIZE)
    while block := _read_block(directory, buffer):
        at = 0
        while at < len(block):
            inode, _, length, kind = _HEAD.unpack_from(block, at)
            name = block[at + _NAME : block.index(0, at + _NAME)]
            at += length
            if name not in (b".", b".."):
                yield Listed(name, kind << 12, inode)


def _read_block(directory: int, buffer: ctypes.Array[ctypes.c_char]) -> bytes:
    while True:
        filled = int(_getdents64(directory, buffer, _SIZE))
        if filled >= 0:
            return ctypes.string_at(buffer, filled)
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
