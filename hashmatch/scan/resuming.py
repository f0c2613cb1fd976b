"""Going on with a scan: what its earlier parts found is entered for every file that is still what it was.

The walk goes over everything again. The names that it lists and the records of the earlier parts are sorted on disk by
directory and name, and joined; what is not known, or no longer holds, is brought back into the order of the walk and
read. So memory does not grow with the number of files, and none of them is opened to learn that it need not be.

A record holds where size, time of the last change of the content (`st_mtime`) and of the status (`st_ctime`) are those
of the file when it was read. No more is asked: the inode number is made up anew at each mount of some file systems
(FAT, exFAT), and where it means anything, whoever puts another file in a place changes the second time, which no
program can choose. On a source that can be written to, a file that was changed after the scan was begun is read again
whatever its times say now: a change within the clock's grain after it was read would not show in them.

Only what was examined is believed. What was not examined is tried again; directories, links and the like are settled by
the walk itself.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, Self

from hashmatch.evidence.reader import EvidenceReader
from hashmatch.evidence.status import Status, status_of
from hashmatch.evidence.streams import list_streams
from hashmatch.evidence.tree import Entry, Files
from hashmatch.hashing.engine import ReadRules
from hashmatch.hashing.failures import is_ours
from hashmatch.outcomes import ExclusionReason, Outcome
from hashmatch.scan.frames import Frames
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.links import HardLinks
from hashmatch.scan.reading import changed_before, stamp_in
from hashmatch.scan.records import decode, path_and_kind, reading_in
from hashmatch.scan.sorting import SortedRuns

_TOGETHER: Final = 512  # names of one directory that are looked at while it is open
_GRAIN_NS: Final = 2 * 10**9  # of the coarsest times that a file system keeps (FAT)

# A name's place in the walk: number of its batch, and place in that; whether it is one of streams, and read later.
_PLACE: Final = struct.Struct(">QH??")
_BATCH_BYTES: Final = 8


class _Name(NamedTuple):
    """A name that was listed.

    Attributes:
        place: in the walk.
        records: of the file and its streams, beginning with their names in the directory.
    """

    directory: bytes
    name: bytes
    is_stream: bool
    place: bytes
    records: list[bytes]


class _Opened(NamedTuple):
    """An open directory, and the device that files in it must be on; None for any."""

    descriptor: int
    device: int | None


class Resumption:
    """Used once, by one thread, as a context.

    Args:
        directory: where scratch files are made.
        records: of all that earlier parts have found.
        reader: of the evidence; closed with this.
        rules: by which files are read.
        begun_ns: where the source can be written to, when the scan was begun, in ns since 1970; else None.
        ledger, links: take what holds.

    Raises:
        OutputUnusable: the directory refuses.
    """

    def __init__(
        self,
        directory: Path,
        records: Iterable[list[bytes]],
        reader: EvidenceReader,
        rules: ReadRules,
        begun_ns: int | None,
        ledger: Ledger,
        links: HardLinks,
    ) -> None:
        self._records = records
        self._reader = reader
        self._rules = rules
        self._trusted_before = None if begun_ns is None else begun_ns - _GRAIN_NS
        self._ledger = ledger
        self._links = links
        self._known = SortedRuns(Frames.scratch(directory / "resume.known"))
        self._listed = SortedRuns(Frames.scratch(directory / "resume.listed"))
        self._left = SortedRuns(Frames.scratch(directory / "resume.left"))

    def rest(self, walk: Iterator[Files | Entry]) -> Iterator[Files | Entry | None]:
        """Yield what is left to be done of a walk, in its order; all else is entered.

        None stands where there is nothing to give yet and the caller may look about.

        Raises:
            OutputUnusable: the disk refuses, or what is read is not what was written.
            OSError: this process ran out of descriptors or memory.
        """
        for records in self._records:
            self._take_known(records)
            yield None
        for number, found in enumerate(walk):
            if isinstance(found, Entry):
                yield found
            else:
                self._take_listed(number, found)
                yield None
        for directory, names in itertools.groupby(self._met(), key=attrgetter("directory")):
            while together := list(itertools.islice(names, _TOGETHER)):
                self._enter_known(directory, together)
                yield None
        yield from self._left_files()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for runs in (self._known, self._listed, self._left):
            runs.close()
        self._reader.close()

    def _take_known(self, records: Iterable[bytes]) -> None:
        for record in records:
            finding = decode(record)
            if finding.outcome in _READ or finding.reason is ExclusionReason.EMPTY:
                directory, slash, name = finding.path.rpartition(b"/")
                key = _key(directory, name, is_stream=finding.is_stream)
                self._known.add(key + record[len(directory) + len(slash) :])

    def _take_listed(self, number: int, files: Files) -> None:
        for place, name in enumerate(files.names):
            key = _key(files.directory, name, is_stream=files.streams)
            self._listed.add(key + _PLACE.pack(number, place, files.streams, files.later) + name)

    def _met(self) -> Iterator[_Name]:
        """Yield each name that was listed, with the records there are of it, by directory and owner."""
        known = itertools.groupby(self._known.merged(), _key_of)
        key, items = next(known, _NONE)
        for wanted, listed in itertools.groupby(self._listed.merged(), _key_of):
            while key and key < wanted:
                key, items = next(known, _NONE)
            # One record for each name that a forged directory gives again and again is enough.
            records = [item[len(key) :] for item, _ in itertools.groupby(items)] if key == wanted else []
            directory = wanted[: wanted.index(0)]
            for item in listed:
                place, name = item[len(wanted) :][: _PLACE.size], item[len(wanted) + _PLACE.size :]
                yield _Name(directory, name, _PLACE.unpack(place)[2], place, records)

    def _enter_known(self, directory: bytes, names: Sequence[_Name]) -> None:
        """Enter those names of one directory of which what is known still holds; put the others aside."""
        prefix = directory + b"/" if directory else b""
        with ExitStack() as stack:
            opened = self._opened(stack, directory) if any(name.records for name in names) else None
            for name in names:
                if not (opened and name.records and self._carried(prefix, name, opened)):
                    self._left.add(name.place + directory + b"\0" + name.name)

    def _opened(self, stack: ExitStack, directory: bytes) -> _Opened | None:
        try:
            descriptor, rules = stack.enter_context(self._reader.opened(directory, self._rules))
        except OSError as error:
            if is_ours(error):
                raise
            return None
        return _Opened(descriptor, rules.device)

    def _carried(self, prefix: bytes, name: _Name, directory: _Opened) -> bool:
        """Enter what is known of a file and its streams, or of one stream, if all of it still holds."""
        status = status_of(directory.descriptor, name.name, directory.device)
        if status is None:
            return False
        holding = [self._holds(name.name, status, name.records, is_stream=name.is_stream)]
        if self._reader.ntfs and not name.is_stream and holding[0]:
            holding += self._streams(name, directory)
        records = [prefix + record for record in holding if record]
        if len(records) < len(holding):
            return False
        if status.links > 1 and not name.is_stream:
            self._links.put_off_known(prefix + name.name, status, records)
            return True
        self._ledger.listed += len(records) - 1
        for record in records:
            self._ledger.carry(record)
        return True

    def _streams(self, file: _Name, directory: _Opened) -> Iterator[bytes | None]:
        """Yield a record for each stream that a file has now; None for one of which nothing is known."""
        try:
            streams = list_streams(b"/proc/self/fd/%d/%b" % (directory.descriptor, file.name))
        except OSError as error:
            if is_ours(error):
                raise
            yield None
            return
        for stream in streams:
            name = file.name + b":" + stream
            status = status_of(directory.descriptor, name, directory.device)
            yield status and self._holds(name, status, file.records, is_stream=True)

    def _holds(self, name: bytes, status: Status, records: Sequence[bytes], *, is_stream: bool) -> bytes | None:
        """Return the record of a name that holds for a file of this status."""
        if self._trusted_before is not None and not changed_before(status.stamp, self._trusted_before):
            return None
        for record in records:
            if (
                path_and_kind(record) == (name, is_stream)
                and stamp_in(reading_in(record)) == status.stamp
                and decode(record).size == status.size
            ):
                return record
        return None

    def _left_files(self) -> Iterator[Files]:
        """Yield the names that were put aside, as the walk gave them."""
        for _, items in itertools.groupby(self._left.merged(), key=lambda item: item[:_BATCH_BYTES]):
            of_batch = list(items)
            _, _, streams, later = _PLACE.unpack_from(of_batch[0])
            directory, _, _ = of_batch[0][_PLACE.size :].partition(b"\0")
            names = tuple(item[_PLACE.size + len(directory) + 1 :] for item in of_batch)
            yield Files(directory, names, streams, later)


_READ: Final = frozenset({Outcome.MATCH, Outcome.NO_MATCH})
_NONE: Final[tuple[bytes, Iterator[bytes]]] = (b"", iter(()))


def _key(directory: bytes, name: bytes, *, is_stream: bool) -> bytes:
    """Return what a file and its streams are sorted by: the directory, and the name up to the stream's."""
    return b"%b\0%b\0" % (directory, name.partition(b":")[0] if is_stream else name)


def _key_of(item: bytes) -> bytes:
    return item[: item.index(0, item.index(0) + 1) + 1]
