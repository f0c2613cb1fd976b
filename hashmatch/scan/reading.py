"""How a file was read, in 17 bytes of its record: what a scan that is resumed must know of it.

    stamp (16) | mark (1)

The stamp is the file's (`hashing.engine.file_stamp`). The mark is a sum of what adds to the counts of a report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hashmatch.hashing.engine import STAMP_BYTES, FileResult, stamped_times

READING_BYTES: Final = STAMP_BYTES + 1
UNREAD: Final = bytes(READING_BYTES)  # of what the walk has settled by itself

_ATIME_RISKED: Final = 1
_SPARSE: Final = 2
_BY_SIZE: Final = 4
PLAIN: Final = bytes([0])
BY_SIZE: Final = bytes([_BY_SIZE])


class Counted(NamedTuple):
    """The mark of a reading in words."""

    atime_risked: bool
    sparse: bool
    by_size: bool


def mark_of(result: FileResult) -> bytes:
    """Return the mark of one result."""
    by_size = result.unlisted_size and result.failure is None
    sparse = result.allocated < result.size
    return bytes([_ATIME_RISKED * result.atime_risked + _SPARSE * sparse + _BY_SIZE * by_size])


def reading_of(result: FileResult) -> bytes:
    """Return what is kept of how a file was read."""
    return result.stamp + mark_of(result)


def by_mark(results: Iterable[FileResult]) -> dict[bytes, list[FileResult]]:
    """Gather results by their marks."""
    gathered: dict[bytes, list[FileResult]] = {}
    for result in results:
        gathered.setdefault(mark_of(result), []).append(result)
    return gathered


def counted(reading: bytes) -> Counted:
    mark = reading[STAMP_BYTES]
    return Counted(bool(mark & _ATIME_RISKED), bool(mark & _SPARSE), bool(mark & _BY_SIZE))


def stamp_in(reading: bytes) -> bytes:
    return reading[:STAMP_BYTES]


def changed_before(stamp: bytes, moment_ns: int) -> bool:
    """Tell whether a file's content and status last changed before a moment, in nanoseconds since 1970."""
    return max(stamped_times(stamp)) < moment_ns
