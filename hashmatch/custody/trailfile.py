"""trail.jsonl, open for appending by several processes: written in turn, flushed together.

A record is written under a lock that covers writing alone. Who then waits for the disk takes a second lock, and finds
that somebody else's flush has covered his record, or flushes for all that have written until then.

After a flush that failed, the pages may count as clean although they never reached the disk, so a second flush proves
nothing. From then on every writer is refused until one has read the records in doubt back, found them to be whole and
chained, written them once more, and seen that flush succeed; the trail then says so in a `recovered` record.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.custody.places import locked, open_file, sync_directory, write_all, write_new, writing
from hashmatch.custody.progress import Progress
from hashmatch.custody.record import MAX_LINE, NO_PREVIOUS, TRAIL, Record, chained, parse
from hashmatch.errors import AuditDamaged, AuditUnwritable

_LOCK: Final = "lock"


class Last(NamedTuple):
    """The last record: what its follower needs to know. `end` is where the follower begins."""

    seq: int
    chain: str
    end: int


class Written(NamedTuple):
    """Where what was written ends, and the epoch it was written in."""

    end: int
    epoch: int


class Rescued(NamedTuple):
    """What became of the end of a trail: bytes that are no records, kept in a file, and records written once more."""

    aside: Path | None
    sha256: str | None
    aside_bytes: int
    rewritten: int


_NOTHING: Final = Last(-1, NO_PREVIOUS, 0)


class TrailFile:
    """The file, its lock, and what writers tell each other."""

    def __init__(self, directory: Path) -> None:
        """Open the trail of a directory, which is made; the trail may be empty."""
        self.path = directory / TRAIL
        self._directory = directory
        self._trail = open_file(self.path)
        self._lock = open_file(directory / _LOCK)
        self.progress = Progress(directory)
        with locked(self._lock):
            if not self.progress.is_there():
                self.progress.set_from(self._whole_lines())
                sync_directory(directory)

    def close(self) -> None:
        self.progress.close()
        os.close(self._lock)
        os.close(self._trail)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the trail for writing; everything below but `flushed` is done in a turn."""
        with locked(self._lock):
            yield

    def is_sound(self) -> bool:
        """Tell whether the end of the trail is where the last writer left it, and no flush has failed since."""
        return self._size() == self.progress.end and not self.progress.failed

    def last(self) -> Last:
        """Read the last record.

        Raises:
            AuditDamaged: it is none.
        """
        return self._last_before(self.progress.end)

    def first(self) -> Record:
        """Read the first record, which names the trail.

        Raises:
            AuditDamaged: it is none.
        """
        line = os.pread(self._trail, MAX_LINE, 0).partition(b"\n")[0]
        try:
            return parse(line)
        except ValueError as error:
            raise AuditDamaged(f"{self.path}: the first record: {error}") from None

    def append(self, lines: bytes, end: int) -> Written:
        """Write records behind the last one; nothing of them stays where the disk refuses.

        Raises:
            OSError: no space, or another refusal.
        """
        try:
            write_all(self._trail, lines, end)
        except OSError:
            os.ftruncate(self._trail, end)
            raise
        self.progress.end = end + len(lines)
        return Written(end + len(lines), self.progress.epoch)

    def flushed(self, written: Written) -> None:
        """Return when what was written is on the disk, by whose flush ever.

        Raises:
            AuditUnwritable: a flush failed, or what was written is not where it was.
        """
        with self.progress.held():
            if self.progress.failed or self.progress.epoch != written.epoch:
                raise AuditUnwritable(f"{self.path}: a flush failed; whether the event is on the disk is not known")
            if self.progress.durable < written.end:
                self._flush()

    def rescue(self, set_down: Callable[[Rescued, Last], bytes]) -> None:
        """Look at the end of the trail, keep apart what is no record of it, and see the rest on the disk.

        Args:
            set_down: makes the record that tells of it, given the record it is to follow.

        Raises:
            OSError: the disk still refuses.
            AuditUnwritable: so does its flush.
            AuditDamaged: records that were seen on the disk are gone.
        """
        with self.progress.held():
            start, size = self.progress.durable, self._size()
            if size < start:
                raise AuditDamaged(
                    f"{self.path}: {start - size} bytes shorter than it was when events in it were answered for"
                )
            content = os.pread(self._trail, size - start, start)
            last, records = self._follow(content, start)
            whole = content[: last.end - start]
            rescued = self._set_aside(content[len(whole) :], last, records if self.progress.failed else 0)
            if rescued.aside_bytes:
                # Together with what it stands behind: bytes that were taken out must not go untold.
                whole += set_down(rescued, last)
            write_all(self._trail, whole, start)
            self.progress.epoch += 1
            self.progress.end = start + len(whole)
            self._flush()
            self.progress.failed = 0
            if rescued.rewritten and not rescued.aside_bytes:
                # Only now: while the disk goes on failing, each look would add a record.
                self.append(set_down(rescued, last), last.end)
                self._flush()

    def _follow(self, content: bytes, start: int) -> tuple[Last, int]:
        """Return the last record that follows, each on the one before, from `start` on, and how many there are."""
        last, records = self._last_before(start), 0
        for line in content.split(b"\n")[:-1]:
            if not follows(line, last):
                break
            last, records = Last(last.seq + 1, chained(line), last.end + len(line) + 1), records + 1
        return last, records

    def _set_aside(self, torn: bytes, last: Last, rewritten: int) -> Rescued:
        if not torn:
            return Rescued(None, None, 0, rewritten)
        # What is torn may have been kept before the power went while the record of it was being written.
        numbers = (f"torn-{last.seq + 1}{suffix}.bin" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
        aside = next(path for name in numbers if not (path := self._directory / name).exists())
        write_new(aside, torn)
        os.ftruncate(self._trail, last.end)
        return Rescued(aside, hashlib.sha256(torn).hexdigest(), len(torn), rewritten)

    def _flush(self) -> None:
        end = self.progress.end
        try:
            os.fdatasync(self._trail)
        except OSError as error:
            self.progress.failed = 1
            raise AuditUnwritable(f"{self.path}: cannot be flushed: {error.strerror}") from error
        self.progress.durable = end

    def _size(self) -> int:
        status = os.fstat(self._trail)
        if not status.st_nlink:
            raise AuditDamaged(f"{self.path}: removed or replaced while it was written")
        return status.st_size

    def _last_before(self, end: int) -> Last:
        if not end:
            return _NOTHING
        start = max(0, end - MAX_LINE - 2)
        content = os.pread(self._trail, end - start, start)
        line = content[content.rfind(b"\n", 0, -1) + 1 : -1]
        try:
            if not content.endswith(b"\n"):
                raise ValueError("no line ends there")
            record = parse(line)
        except ValueError as error:
            raise AuditDamaged(f"{self.path}: the record that ends at byte {end}: {error}") from None
        return Last(record.seq, chained(line), end)

    def _whole_lines(self) -> int:
        """Return where the last line break of the file is."""
        size = self._size()
        start = max(0, size - MAX_LINE - 2)
        return start + os.pread(self._trail, size - start, start).rfind(b"\n") + 1


def follows(line: bytes, last: Last) -> bool:
    """Tell whether a line is the record that comes after another."""
    try:
        record: Record = parse(line)
    except ValueError:
        return False
    return (record.seq, record.prev) == (last.seq + 1, last.chain)


def open_trail_file(directory: Path) -> TrailFile:
    """Open the trail of a directory.

    Raises:
        AuditUnwritable: no permission, or no space.
    """
    with writing(directory):
        return TrailFile(directory)
