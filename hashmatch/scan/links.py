"""Files with several names: read once, reported under each.

The walk cannot hold on to every such file until its other names have come by, so the names are sorted on disk by
(device, inode, size). Then each file is read by the first of its names, what came of it is sorted the same way, and
both are joined. However many files there are, and however many names one has, memory stays the same.

What came of a file is entered under its first name at once, so that a scan that ends before the others were entered
need not read it again. When that scan is resumed, the finding comes back with that name and stands among the names.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

from hashmatch.evidence.status import Status
from hashmatch.hashing.engine import FileResult
from hashmatch.outcomes import FailureReason
from hashmatch.scan.batch import Answer, Batch
from hashmatch.scan.frames import Frames
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.reading import counted, reading_of
from hashmatch.scan.records import decode, encode, path_and_kind, reading_in
from hashmatch.scan.sorting import SortedRuns, grouped

# Device, inode, size. One inode has one size: where two differ, a driver gives one number to several files.
_FILE: Final = struct.Struct(">QQQ")
_KNOWN: Final = b"\0"  # begins the record of a finding among names, none of which does, so that it stands before them
_TOLD: Final = b"\0"  # ends a name that an earlier part of the scan has entered

Examine = Callable[[Iterator[Batch]], Iterator[Answer]]


class HardLinks:
    """Names that were put off during the walk, in scratch files in the output directory; a context."""

    def __init__(self, directory: Path) -> None:
        """Begin with no names.

        Raises:
            OutputUnusable: the output directory refuses.
        """
        self._names = SortedRuns(Frames.scratch(directory / "links.names"))
        self._findings = SortedRuns(Frames.scratch(directory / "links.findings"))
        self._under_way: dict[bytes, bytes] = {}

    def put_off(self, path: bytes, result: FileResult) -> None:
        """Take a name that the engine has deferred."""
        self._names.add(_file(result) + path)

    def put_off_known(self, path: bytes, status: Status, records: list[bytes]) -> None:
        """Take a name under which an earlier part of the scan has entered the file, and what it entered."""
        file = _FILE.pack(status.device, status.inode, status.size)
        self._names.add(file + path + _TOLD)
        for record in records:
            self._names.add(file + _KNOWN + record[len(path) :])

    def read(self, examine: Examine, ledger: Ledger) -> Iterator[None]:
        """Have each file of which nothing is known read by its first name; yields after each."""
        for batch, results in examine(self._first_names()):
            name = batch.names[0]
            path = _joined(batch.directory, name)
            file = self._under_way.pop(path)
            if results[0].failure is None and _file(results[0]) != file:
                # The name has become another file's since it was listed; its content says nothing of the others'.
                results = [results[0]._replace(failure=FailureReason.UNSTABLE)]
            ledger.listed += len(results) - 1
            for number, result in enumerate(results):
                # The part behind the file's own name, none for its main content, `:stream` for a stream.
                behind = result.name[len(name) :]
                finding, reading = ledger.judge(behind, result, is_stream=number > 0), reading_of(result)
                self._findings.add(file + encode(finding, reading))
                ledger.enter(finding._replace(path=path + behind), reading)
            yield

    def enter(self, ledger: Ledger) -> None:
        """Enter a finding for each name that has none yet, of files that were read or are known."""
        found = grouped(self._findings.merged(), _FILE.size)
        read, records = next(found, _NONE)
        for file in self._files():
            if file.known:
                _carry(file, ledger)
            elif file.key == read:
                _enter_others(file, [record[_FILE.size :] for record in records], ledger)
                read, records = next(found, _NONE)
            # Else an interrupted scan did not come to read it.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for runs in (self._names, self._findings):
            runs.close()

    def _first_names(self) -> Iterator[Batch]:
        for file in self._files():
            if not file.known:
                path = next(file.names)
                directory, _, name = path.rpartition(b"/")
                self._under_way[path] = file.key
                yield Batch(directory, (name,), streams=False, defer_links=False)

    def _files(self) -> Iterator[_File]:
        for key, items in grouped(self._names.merged(), _FILE.size):
            names = (item[_FILE.size :] for item in items)
            # Each name that is known brings the same records.
            known: dict[tuple[bytes, bool], bytes] = {}
            name = next(names)
            while name.startswith(_KNOWN):
                record = name[len(_KNOWN) :]
                known[path_and_kind(record)] = record
                name = next(names)
            yield _File(key, list(known.values()), itertools.chain((name,), names))


class _File(NamedTuple):
    """A file and its names; `known`: what earlier parts of the scan found, in records without the name."""

    key: bytes
    known: list[bytes]
    names: Iterator[bytes]


_NONE: Final[tuple[bytes, Iterator[bytes]]] = (b"", iter(()))


def _carry(file: _File, ledger: Ledger) -> None:
    for number, name in enumerate(file.names):
        path = name.removesuffix(_TOLD)
        ledger.hard_links += number > 0
        ledger.listed += len(file.known) - 1
        for record in file.known:
            ledger.carry(path + record, another_name=number > 0, told=path != name)


def _enter_others(file: _File, records: list[bytes], ledger: Ledger) -> None:
    findings = [(decode(record), reading_in(record)) for record in records]
    for path in itertools.islice(file.names, 1, None):  # the first one was entered when it was read
        ledger.hard_links += 1
        ledger.listed += len(findings) - 1
        for finding, reading in findings:
            ledger.no_match_by_size += counted(reading).by_size
            ledger.enter(finding._replace(path=path + finding.path), reading)


def _file(result: FileResult) -> bytes:
    return _FILE.pack(result.device, result.inode, result.size)


def _joined(directory: bytes, name: bytes) -> bytes:
    return b"%b/%b" % (directory, name) if directory else name
