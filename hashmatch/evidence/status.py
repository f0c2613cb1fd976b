"""Looking at files of the evidence without opening them: whether they are still what they were."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from hashmatch.hashing.engine import file_stamp
from hashmatch.hashing.failures import is_ours


class Status(NamedTuple):
    """Of a regular file; `stamp` as an engine gives it, `links` is the number of its names."""

    size: int
    stamp: bytes
    device: int
    inode: int
    links: int


def status_of(directory: int, name: bytes, device: int | None) -> Status | None:
    """Return the status of a file in an open directory.

    None where it cannot be learnt, where it is no regular file, or where it is on another device than `device`: an
    engine that is asked to read the file says then what is wrong with it.

    Raises:
        OSError: this process ran out of memory or descriptors.
    """
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if is_ours(error):
            raise
        return None
    if not stat.S_ISREG(status.st_mode) or (device is not None and status.st_dev != device):
        return None
    return Status(status.st_size, file_stamp(status), status.st_dev, status.st_ino, status.st_nlink)
