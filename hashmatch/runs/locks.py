"""The lock by which one can tell whether a run's process is alive, whoever started it."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hashmatch.errors import StoreLocked

# struct flock of fcntl(2): type, whence, start, length, process.
_FLOCK: Final = struct.Struct("hhqqi4x")


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock. It belongs to the process, not to the descriptor: what the process starts does not inherit it.

    Raises:
        StoreLocked: another process holds it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StoreLocked(f"{path}: another process is doing this run") from None
    finally:
        os.close(file)


def holder(path: Path) -> int | None:
    """Return the process that holds the lock, 0 where it cannot be seen from here, and None where nobody does."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
    finally:
        os.close(file)
    return None if kind == fcntl.F_UNLCK else process
