"""The list file: opened once, read as a stream, identified by its SHA-256.

What the bytes mean is not decided here. A list that changes while it is read is refused, since the digest that
identifies it in the manifest would then be of another file than the entries came from.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from hashmatch.errors import ListFormatError

HEAD_SIZE: Final = 64 * 1024  # bytes that a format is recognised by
_CHUNK_SIZE: Final = 1 << 20  # bytes a read


class ListFile:
    """A regular file that an authority handed over, open for reading.

    Attributes:
        path: as it was given.
        size: in bytes, when it was opened.
        head: its first 64 KiB as they stand, without any decoding.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.size = 0
        self.head = b""
        self._descriptor = -1
        self._opened: os.stat_result | None = None
        self._source_digest: str | None = None

    def __enter__(self) -> Self:
        # Opening a FIFO without O_NONBLOCK would wait for a writer that may never come.
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError) as exc:
            raise ListFormatError(f"cannot open the list: {_reason(exc)}") from exc
        try:
            self._opened = os.fstat(self._descriptor)
            if not stat.S_ISREG(self._opened.st_mode):
                raise ListFormatError(f"expected the list to be a regular file, got {_kind(self._opened.st_mode)}")
            self.size = self._opened.st_size
            self.head = self._read(HEAD_SIZE, 0)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole source from its first byte, as it stands.

        Every call starts anew, so a format that must look ahead through gigabytes can do so in constant memory.

        Raises:
            ListFormatError: a read failed, or the file is no longer the one that was opened.
        """
        digest = hashlib.sha256()
        offset = 0
        while chunk := self._read(_CHUNK_SIZE, offset):
            digest.update(chunk)
            offset += len(chunk)
            yield chunk
        self.check_unchanged(offset)
        self._source_digest = digest.hexdigest()

    def source_digest(self) -> str:
        """Return the SHA-256 of the source in hexadecimal; reads the file only if nothing has read it to its end."""
        if self._source_digest is None:
            for _ in self.chunks():
                pass
        assert self._source_digest is not None
        return self._source_digest

    def check_unchanged(self, seen: int | None = None) -> None:
        """Compare the file with what it was when it was opened; `seen` is how many bytes a full read brought.

        Raises:
            ListFormatError: size, time of change or inode differ, by this descriptor or by the path.
        """
        if self._opened is None:
            raise RuntimeError("the list file is not open")
        try:
            now = (os.fstat(self._descriptor), os.stat(self.path))
        except OSError as exc:
            raise ListFormatError(f"the list changed while it was read: {_reason(exc)}") from exc
        before = _identity(self._opened)
        if any(_identity(state) != before for state in now) or (seen is not None and seen != self.size):
            raise ListFormatError("the list changed while it was read: import it again once nobody writes to it")

    def _read(self, count: int, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, count, offset)
        except OSError as exc:
            raise ListFormatError(f"cannot read the list at byte {offset}: {_reason(exc)}") from exc


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
