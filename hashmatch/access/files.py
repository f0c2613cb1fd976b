"""Files that only the service's own account may read: refused where others could, and changed by one at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hashmatch.errors import AccessDamaged, StoreUnwritable


def open_private(path: Path, flags: int) -> int:
    """Open a file that is there.

    Raises:
        FileNotFoundError: it is not.
        AccessDamaged: it cannot be opened, is no file, or is open to others.
    """
    try:
        # A FIFO in its place would hold the service up for good.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AccessDamaged(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        check_private(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_private(path: Path, found: os.stat_result) -> None:
    """Refuse what others could have read or written.

    Raises:
        AccessDamaged: it is no file, or its mode gives others a right.
    """
    if not stat.S_ISREG(found.st_mode):
        raise AccessDamaged(f"{path}: expected a file")
    if found.st_mode & 0o077:
        raise AccessDamaged(f"{path}: expected mode 0600, got {found.st_mode & 0o777:04o}; others may read or write it")


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Be the only one to change `path`, of all processes; waits. Its directory is made where it is missing.

    Raises:
        StoreUnwritable: no space, no permission, or a failed flush.
    """
    try:
        _make_directory(path.parent)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
    except OSError as error:
        raise StoreUnwritable(f"{path}: cannot be written: {error.strerror or error}") from error


def put(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path`, whole and on the disk; used by one at a time, within `changing`."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    _sync_directory(path.parent)


def _make_directory(path: Path) -> None:
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
