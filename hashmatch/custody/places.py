"""Files of the trail: made for their owner alone, flushed together with their names."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hashmatch.errors import AuditUnwritable


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the system's errors about `path`.

    Raises:
        AuditUnwritable: no space, no permission, a failed flush.
    """
    try:
        yield
    except OSError as error:
        raise AuditUnwritable(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Hold an open file for one process at a time, and one opening of it in a process; waits."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_file(path: Path, flags: int = 0) -> int:
    """Open a file to read and write, made where it is missing; the caller flushes the directory."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, and flush the names of all that were made."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Flush the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write `content` at `offset`, whole."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there, and flush it and its name."""
    descriptor = open_file(path, os.O_EXCL)
    try:
        write_all(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)
