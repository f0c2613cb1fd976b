"""What a hashing engine is asked and what it answers.

An engine gets an open directory and names in it, so that neither a long path nor a link planted on the way can lead
it elsewhere, and gives one result for each name. It never raises for what a file does: that is the result.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from hashmatch.digests import Algorithm
from hashmatch.outcomes import FailureReason

_TIMES: Final = struct.Struct("=QQ")
STAMP_BYTES: Final = _TIMES.size
NO_STAMP: Final = bytes(STAMP_BYTES)
_MODULUS: Final = 1 << 64  # times centuries away are still told from others


@dataclass(frozen=True, slots=True)
class ReadRules:
    """How files are read.

    Attributes:
        algorithms: digests to compute, ascending; they are returned in this order.
        device: `st_dev` that every file must have; another one is a mount crossed unawares. None allows any.
        max_bytes: files larger than this are not read (`FailureReason.BUDGET`); None for no limit.
        defer_links: report a file that has several names instead of reading it, so that it is read once.
        sizes: read only files of these sizes: ascending unsigned 64-bit numbers in the machine's byte order, end to
            end. Every other file is `unlisted_size`. None to read files of any size.
    """

    algorithms: tuple[Algorithm, ...]
    device: int | None = None
    max_bytes: int | None = None
    defer_links: bool = False
    sizes: bytes | None = None

    def __post_init__(self) -> None:
        if not self.algorithms or list(self.algorithms) != sorted(set(self.algorithms)):
            raise ValueError("expected algorithms in ascending order, one at least")


class FileResult(NamedTuple):
    """What came of one file. A tuple, because millions of them cross a process border.

    Attributes:
        name: as asked for.
        failure: None, or why there are no digests.
        digests: octets in the order of `ReadRules.algorithms`; empty on failure, for an empty file, and where
            `deferred`.
        size: `st_size` in bytes; 0 where it could not be learnt.
        inode, device: `st_ino`, `st_dev`; 0 where they could not be learnt.
        bytes_read: content bytes read, on failure too.
        errno: the system's error number, where one was given.
        offset: byte at which reading failed or ended early.
        deferred: the file has several names and was not read.
        atime_risked: O_NOATIME was refused, so only a read-only mount kept the access time.
        allocated: bytes of storage the file takes (`st_blocks` * 512).
        unlisted_size: the file was opened and not read, because its size is none of `ReadRules.sizes`.
        stamp: `file_stamp` of it, the same before and after reading; zeros where it could not be learnt.
    """

    name: bytes
    failure: FailureReason | None
    digests: tuple[bytes, ...]
    size: int
    inode: int
    device: int
    bytes_read: int
    errno: int | None
    offset: int | None
    deferred: bool
    atime_risked: bool
    allocated: int
    unlisted_size: bool = False
    stamp: bytes = NO_STAMP


def file_stamp(status: os.stat_result) -> bytes:
    """Return when a file's content and its status last changed: `st_mtime` and `st_ctime`."""
    return _TIMES.pack(status.st_mtime_ns % _MODULUS, status.st_ctime_ns % _MODULUS)


def stamped_times(stamp: bytes) -> tuple[int, int]:
    """Return both times of a stamp in nanoseconds since 1970, modulo 2^64."""
    changed, status_changed = _TIMES.unpack(stamp)
    return changed, status_changed


class Engine(Protocol):
    """Computes digests. Instances are used by one thread at a time."""

    @property
    def description(self) -> str:
        """Name and version, for reports: `portable (hashlib, OpenSSL 3.0.17)`."""
        ...

    def digest_files(self, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
        """Read the named files of an open directory once each; one result per name, in order."""
        ...


Ticketed = tuple[int, list[FileResult]]


class FileQueue(Protocol):
    """Computes digests of many batches at a time, on threads of its own. Used by one thread."""

    @property
    def description(self) -> str:
        """Name and version, for reports."""
        ...

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far, of files that are still being read too."""
        ...

    def submit(self, ticket: int, directory: int, names: Sequence[bytes], rules: ReadRules) -> None:
        """Queue the named files of an open directory, which need not stay open."""
        ...

    def take(self, wanted: int, seconds: float) -> list[Ticketed]:
        """Wait until `wanted` files are done, or all are, or for that long; return results by their batch's ticket.

        Each name has one result, in any order, and a batch's results may come in several parts.
        """
        ...

    def close(self) -> None:
        """End the threads; what is still queued has no results."""
        ...
