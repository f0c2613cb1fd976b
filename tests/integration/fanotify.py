"""Being asked by the kernel before a file is opened or read (fanotify), to change it at exactly that moment."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# From the manual pages of fanotify_init and fanotify_mark.
_CLOEXEC: Final = 0x01
_CLASS_CONTENT: Final = 0x04
_MARK_ADD: Final = 0x01
_ON_CHILD: Final = 0x0800_0000
_AT_FDCWD: Final = -100
_ALLOW: Final = 0x01
OPEN: Final = 0x1_0000
ACCESS: Final = 0x2_0000

_EVENT: Final = struct.Struct("=IBBHqii")  # struct fanotify_event_metadata
_RESPONSE: Final = struct.Struct("=iI")

_libc: Final = ctypes.CDLL(None, use_errno=True)

# Told what is about to happen (OPEN or ACCESS), a writable descriptor of the file, and its name.
Change = Callable[[int, int, str], None]


def works() -> bool:
    """Tell whether this process may ask to be asked."""
    try:
        os.close(_open())
    except OSError:
        return False
    return True


@contextmanager
def before(events: int, directories: list[Path], change: Change) -> Iterator[None]:
    """Call `change` before every open or read of files in some directories; the reader waits until it returns."""
    group = _open()
    ours, theirs = os.pipe()
    errors: list[BaseException] = []

    def answer() -> None:
        while ours not in select.select([group, ours], [], [])[0]:
            for mask, descriptor in _events(os.read(group, 65536)):
                try:
                    change(mask, descriptor, os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
                except BaseException as error:  # noqa: BLE001 - the reader must be let go whatever happens here
                    errors.append(error)
                os.write(group, _RESPONSE.pack(descriptor, _ALLOW))
                os.close(descriptor)

    thread = threading.Thread(target=answer)
    try:
        for directory in directories:
            mark = ctypes.c_uint64(events | _ON_CHILD)
            _check(_libc.fanotify_mark(group, _MARK_ADD, mark, _AT_FDCWD, os.fsencode(directory)))
        thread.start()
        yield
    finally:
        os.write(theirs, b".")
        if thread.ident is not None:
            thread.join()
        for descriptor in (group, ours, theirs):
            os.close(descriptor)
    assert not errors, errors


def _events(buffer: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(buffer):
        length, _, _, _, mask, descriptor, _ = _EVENT.unpack_from(buffer, at)
        at += length
        yield mask, descriptor


def _open() -> int:
    return _check(_libc.fanotify_init(_CLASS_CONTENT | _CLOEXEC, os.O_RDWR | os.O_CLOEXEC))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
