"""What the processes that write one trail tell each other: how far it is written, and how far it is on the disk.

A few numbers in a file of their own. They are not evidence and are never flushed: each says no more than what was true
before it was written, so an older one that is left after a power cut is still true. Nobody who verifies a trail reads
them.
"""

from __future__ import annotations

import os
import struct
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from hashmatch.custody.places import locked, open_file, write_all

_NAME: Final = "progress"
_MAGIC: Final = b"hmtrail1"
_NUMBER: Final = struct.Struct("<Q")
_FIELDS: Final = 6


def _at(field: int) -> int:
    return len(_MAGIC) + field * _NUMBER.size


class _Field:
    """One number, read and written where it lies; each is so small that it is written whole or not at all."""

    def __init__(self, number: int) -> None:
        self._offset = _at(number)

    def __get__(self, progress: Progress, _: type | None = None) -> int:
        number: int = _NUMBER.unpack(os.pread(progress.descriptor, _NUMBER.size, self._offset))[0]
        return number

    def __set__(self, progress: Progress, value: int) -> None:
        os.pwrite(progress.descriptor, _NUMBER.pack(value), self._offset)


class Progress:
    """The numbers of one trail. `end` is changed under the trail's own lock, `durable` and `failed` under `held`.

    Attributes:
        end: bytes of whole records that were written.
        durable: bytes that are known to be on the disk.
        failed: 1 after a flush that failed, until the end of the trail was looked at again.
        epoch: counts those looks, so that who waits for a flush learns that his bytes are no longer where they were.
        signed: records that the last checkpoint covers.
        signed_at: when it was made, in microseconds since 1970.
    """

    end = _Field(0)
    durable = _Field(1)
    failed = _Field(2)
    epoch = _Field(3)
    signed = _Field(4)
    signed_at = _Field(5)

    def __init__(self, directory: Path) -> None:
        self.descriptor = open_file(directory / _NAME)

    def held(self) -> AbstractContextManager[None]:
        """Hold the flushing of the trail for one writer at a time."""
        return locked(self.descriptor)

    def is_there(self) -> bool:
        """Tell whether the numbers have been set, and not lost since."""
        return os.pread(self.descriptor, _at(_FIELDS), 0)[: len(_MAGIC)] == _MAGIC

    def set_from(self, end: int) -> None:
        """Begin with a trail of which `end` bytes are whole records, none of them known to be on the disk."""
        write_all(self.descriptor, _MAGIC + _NUMBER.pack(end) + bytes((_FIELDS - 1) * _NUMBER.size), 0)

    def close(self) -> None:
        os.close(self.descriptor)
