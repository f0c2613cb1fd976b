"""Writing that survives a power cut: what is renamed into place has reached the disk before.

After a failed fsync the page may count as clean although it never reached the disk, so a failure is never retried:
it is raised and the work is thrown away.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync_file(path: Path) -> None:
    """Flush one file to disk."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Flush a directory's names to disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist, and flush it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path`: afterwards there is the old content or the new, never a mix.

    Where only the last flush fails, the new content is in place but may not outlive a power cut. That is a failure,
    and readers must not see what is called failed: the old content is put back.
    """
    old = path.read_bytes() if path.exists() else None
    _put(path, content)
    try:
        sync_directory(path.parent)
    except OSError:
        if old is None:
            path.unlink()
        else:
            _put(path, old)
        raise


def make_directories(path: Path) -> None:
    """Make a directory and those above it that are missing, and flush the names of all that were made."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def _put(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        write_new(draft, content)
        os.rename(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
