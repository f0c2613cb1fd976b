"""A file of frames: appended to, never changed, and read back with every damage noticed.

A frame is

    kind (1 byte) | length of the payload (4) | guard (8) | payload

all little-endian. The guard is the XXH3 of the payload, seeded with kind and length, so that no damaged frame and no
frame cut short is read as something else.
"""

from __future__ import annotations

import enum
import fcntl
import os
import struct
from typing import Final, NamedTuple, Self

import xxhash

from hashmatch.errors import OutputUnusable

_FRAME: Final = struct.Struct("<BIQ")
HEAD_BYTES: Final = _FRAME.size


class Kind(enum.IntEnum):
    """What a frame holds; the numbers are on disk. Only a journal has parts and checkpoints (`scan.earlier`)."""

    PART = 1
    BLOCK = 2
    CHECKPOINT = 3
    MERGED = 4  # items of blocks that stand before it once more, in order


class Frame(NamedTuple):
    """A whole frame, and where the next one begins."""

    kind: int
    payload: bytes
    end: int


class Frames:
    """One open file. Used by one thread."""

    def __init__(self, path: str, file: int, end: int) -> None:
        self.path = path
        self.end = end
        self._file = file
        self._named = False  # its directory is known to be on the disk, with its name in it

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Create a file, readable by its owner only; it must not exist.

        Raises:
            OutputUnusable: it cannot be created.
        """
        return cls(os.fspath(path), _opened(path, os.O_CREAT | os.O_EXCL), 0)

    @classmethod
    def scratch(cls, path: str | os.PathLike[str]) -> Self:
        """Create a file that goes when it is closed, whatever ends this process; `path` stands in messages.

        Raises:
            OutputUnusable: it cannot be created.
        """
        # One that is there was left by a process that ended between this line and the next.
        file = _opened(path, os.O_CREAT | os.O_TRUNC)
        os.unlink(path)
        return cls(os.fspath(path), file, 0)

    @classmethod
    def existing(cls, path: str | os.PathLike[str]) -> Self:
        """Open a file that is there, to be read and appended to.

        Raises:
            OutputUnusable: it cannot be opened.
        """
        file = _opened(path, 0)
        return cls(os.fspath(path), file, os.fstat(file).st_size)

    def lock(self) -> None:
        """Keep the file from others who lock it, until it is closed.

        Raises:
            BlockingIOError: another process has locked it.
            OSError: the file system has no locks.
        """
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, kind: Kind, payload: bytes) -> None:
        """Write a frame behind the last one.

        Raises:
            OutputUnusable: the disk does not take it.
        """
        view = memoryview(_FRAME.pack(kind, len(payload), _guard(kind, payload)) + payload)
        try:
            while view:
                written = os.pwrite(self._file, view, self.end)
                self.end += written
                view = view[written:]
        except OSError as error:
            raise self._refused(error) from error

    def frame(self, place: int) -> Frame | None:
        """Return the frame at `place`, or None where what stands there is none, or a damaged one.

        Raises:
            OutputUnusable: the disk fails.
        """
        head = self.octets(place, HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return None
        kind, length, guard = _FRAME.unpack(head)
        end = place + HEAD_BYTES + length
        if end > self.end:
            return None
        payload = self.octets(place + HEAD_BYTES, length)
        return Frame(kind, payload, end) if len(payload) == length and _guard(kind, payload) == guard else None

    def written(self, place: int) -> Frame:
        """Return the frame at `place`, where one is known to have been written.

        Raises:
            OutputUnusable: it is not what was written, or the disk fails.
        """
        frame = self.frame(place)
        if frame is None:
            raise OutputUnusable(f"{self.path}: the frame at byte {place} is not what was written")
        return frame

    def octets(self, place: int, length: int) -> bytes:
        """Return what stands at `place`: fewer bytes where the file ends.

        Raises:
            OutputUnusable: the disk fails.
        """
        try:
            return os.pread(self._file, length, place)
        except OSError as error:
            raise self._refused(error) from error

    def cut(self, end: int) -> None:
        """Forget everything from `end` on.

        Raises:
            OutputUnusable: the disk refuses.
        """
        try:
            os.ftruncate(self._file, end)
        except OSError as error:
            raise self._refused(error) from error
        self.end = end

    def sync(self) -> None:
        """Wait until everything is on the disk.

        Raises:
            OutputUnusable: the disk refuses.
        """
        try:
            os.fdatasync(self._file)
            if not self._named:
                _sync_directory(os.path.dirname(self.path))
                self._named = True
        except OSError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Close and delete the file: what it held is no longer wanted.

        Raises:
            OutputUnusable: it cannot be deleted.
        """
        self.close()
        try:
            os.unlink(self.path)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> OutputUnusable:
        return OutputUnusable(f"{self.path}: {error.strerror}")


def _opened(path: str | os.PathLike[str], flags: int) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    except OSError as error:
        raise OutputUnusable(f"{os.fspath(path)}: {error.strerror}") from error


def _sync_directory(path: str) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _guard(kind: int, payload: bytes) -> int:
    return xxhash.xxh3_64_intdigest(payload, seed=kind << 32 | len(payload))
