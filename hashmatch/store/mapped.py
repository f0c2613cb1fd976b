"""Keeps the tables that LevelDB maps from filling this process's memory.

LevelDB maps its tables, and the kernel maps sixteen pages for each that is touched, so scattered look-ups soon hold
the whole list resident. Those pages are the page cache's own; giving them back costs a fault when one is touched again.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hashmatch.store.filter import Filter

RESIDENT_LIMIT: Final = 64 << 20  # bytes of mapped files; far below what a list of millions takes
FILTERS_KEPT: Final = 64 << 20  # bytes; the filters of some 30 million digests

_MAPPING: Final = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ +(.+)$", re.MULTILINE)
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def give_back(views: Path, filters: Sequence[Filter] = (), limit: int | None = None) -> bool:
    """Unmap the resident pages of every table beneath `views` where mapped files take more than the limit.

    Filters go above the limit as long as they are small together: nearly every look-up touches them.

    MADV_DONTNEED on a mapping of a file drops nothing but the process's hold on the pages: whoever reads them
    meanwhile takes a fault and gets the same bytes (madvise(2)). Return whether anything was given back.
    """
    size = sum(map(len, filters))
    kept = size if size <= FILTERS_KEPT else 0
    if resident_files() <= (RESIDENT_LIMIT if limit is None else limit) + kept:
        return False
    prefix = os.fsencode(views.resolve()) + b"/"
    with open("/proc/self/maps", "rb") as file:
        mappings = file.read()
    for start, end, path in _MAPPING.findall(mappings):
        if path.startswith(prefix) and path.endswith((b".ldb", b".sst")):
            first = int(start, 16)
            _LIBC.madvise(first, int(end, 16) - first, mmap.MADV_DONTNEED)
    if not kept:
        for each in filters:
            each.give_back()
    return True


def resident_files() -> int:
    """Return how many bytes of mapped files this process holds resident (proc_pid_statm(5), field `shared`)."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[2]) * mmap.PAGESIZE
