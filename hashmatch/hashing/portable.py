"""Digests with hashlib, one file after the other: right everywhere, and what faster engines are compared with."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from hashmatch.digests import Algorithm
from hashmatch.hashing import openssl
from hashmatch.hashing.engine import FileResult, ReadRules, file_stamp
from hashmatch.hashing.failures import is_ours, open_failure
from hashmatch.outcomes import FailureReason

# 256 KiB to 1 MiB measured alike within the noise; 64 and 128 KiB were a tenth slower with SHA-256.
CHUNK: Final = 256 * 1024

# O_NOFOLLOW and O_NONBLOCK are for a name that has become a link or a FIFO since it was listed.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class PortableEngine:
    """Implements `hashmatch.hashing.engine.Engine`.

    `digest_files` raises OSError where this process ran out of descriptors or memory (EMFILE, ENFILE, ENOMEM);
    everything else that can happen to a file is a result.
    """

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(CHUNK))

    @property
    def description(self) -> str:
        """Name and version, for reports."""
        return f"portable (hashlib, {openssl.SHORT})"

    def digest_files(self, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
        """Read the named files of an open directory once each; one result per name, in order."""
        sizes = None if rules.sizes is None else memoryview(rules.sizes).cast("Q")
        return [self._digest_file(directory, name, rules, sizes) for name in names]

    def _digest_file(self, directory: int, name: bytes, rules: ReadRules, sizes: memoryview[int] | None) -> FileResult:
        try:
            descriptor, atime_risked = _open(directory, name)
        except OSError as error:
            return _unopened(name, open_failure(error), error.errno)
        try:
            before = os.fstat(descriptor)
            content = _unread(before, rules, sizes) or self._read(descriptor, before, rules)
        except OSError as error:
            if is_ours(error):
                raise
            return _unopened(name, FailureReason.OPEN_FAILED, error.errno)
        finally:
            # Nothing was written, so a close that reports an error (FUSE may) loses nothing.
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return FileResult(
            name,
            content.failure,
            content.digests,
            before.st_size,
            before.st_ino,
            before.st_dev,
            content.bytes_read,
            content.errno,
            content.offset,
            content.deferred,
            atime_risked,
            before.st_blocks * 512,
            content.unlisted_size,
            file_stamp(before),
        )

    def _read(self, descriptor: int, before: os.stat_result, rules: ReadRules) -> _Content:
        """Read to the end of the file, but never past a first block beyond the size it had when opened."""
        size = before.st_size
        digesting = _Digesting(rules.algorithms)
        done = 0
        try:
            # Asking for a byte more than there should be tells "ended" from "grew" without a second call.
            block = os.read(descriptor, min(size + 1, CHUNK))
            done = len(block)
            if done != size:
                digesting.start(block)
                while done <= size and (got := os.readv(descriptor, [self._buffer])):
                    digesting.update(self._buffer[:got])
                    done += got
            after = os.fstat(descriptor)
        except OSError as error:
            if is_ours(error):
                raise
            return _Content(FailureReason.READ_FAILED, bytes_read=done, errno=error.errno, offset=done)
        if done > size or _changed(before, after):
            return _Content(FailureReason.UNSTABLE, bytes_read=done)
        if done < size:
            return _Content(FailureReason.PARTIAL, bytes_read=done, offset=done)
        return _Content(None, digesting.finish(block) if size else (), bytes_read=done)


class _Content(NamedTuple):
    """The part of a result that reading decides."""

    failure: FailureReason | None
    digests: tuple[bytes, ...] = ()
    bytes_read: int = 0
    errno: int | None = None
    offset: int | None = None
    deferred: bool = False
    unlisted_size: bool = False


class _Digesting:
    """The digests of one file, computed in one call each if a single block turns out to be all of it."""

    __slots__ = ("_algorithms", "_running")

    def __init__(self, algorithms: tuple[Algorithm, ...]) -> None:
        self._algorithms = algorithms
        self._running: list[hashlib._Hash] = []

    def start(self, block: bytes) -> None:
        self._running = [_NEW[algorithm](block) for algorithm in self._algorithms]

    def update(self, block: memoryview) -> None:
        for running in self._running:
            running.update(block)

    def finish(self, block: bytes) -> tuple[bytes, ...]:
        """Return the digests; `block` is the first one read, which is all of them if none was started with."""
        if not self._running:
            self.start(block)
        return tuple(running.digest() for running in self._running)


def _md5(content: bytes) -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)


def _sha1(content: bytes) -> hashlib._Hash:
    return hashlib.sha1(content, usedforsecurity=False)


_NEW: Final[dict[Algorithm, Callable[[bytes], hashlib._Hash]]] = {
    Algorithm.MD5: _md5,
    Algorithm.SHA1: _sha1,
    Algorithm.SHA256: hashlib.sha256,
}


def _open(directory: int, name: bytes) -> tuple[int, bool]:
    """Return a descriptor, and whether the access time may change because O_NOATIME was refused."""
    try:
        return os.open(name, _FLAGS | os.O_NOATIME, dir_fd=directory), False
    except PermissionError as error:
        if error.errno != errno.EPERM:
            raise
        return os.open(name, _FLAGS, dir_fd=directory), True


def _unread(before: os.stat_result, rules: ReadRules, sizes: memoryview[int] | None) -> _Content | None:
    """Return why an open file is not to be read, or None."""
    if not stat.S_ISREG(before.st_mode):
        return _Content(FailureReason.UNSTABLE)
    if rules.device is not None and before.st_dev != rules.device:
        return _Content(FailureReason.UNSTABLE, errno=errno.EXDEV)
    if rules.max_bytes is not None and before.st_size > rules.max_bytes:
        return _Content(FailureReason.BUDGET)
    if rules.defer_links and before.st_nlink > 1:
        return _Content(None, deferred=True)
    # A size of 0 is not asked for: only reading tells an empty file from one whose size is made up (procfs).
    if sizes is not None and before.st_size and not _has(sizes, before.st_size):
        return _Content(None, unlisted_size=True)
    return None


def _has(ascending: memoryview[int], number: int) -> bool:
    place = bisect_left(ascending, number)
    return place < len(ascending) and ascending[place] == number


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (
        before.st_size != after.st_size
        or before.st_mtime_ns != after.st_mtime_ns
        or before.st_ctime_ns != after.st_ctime_ns
        or before.st_ino != after.st_ino
    )


def _unopened(name: bytes, failure: FailureReason, number: int | None) -> FileResult:
    return FileResult(name, failure, (), 0, 0, 0, 0, number, None, deferred=False, atime_risked=False, allocated=0)
