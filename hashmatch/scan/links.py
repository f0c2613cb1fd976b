"""Files with several names: read once, reported under each.

The walk cannot hold on to every such file until its other names have come by, so the names are sorted on disk by
(device, inode, size). Then each file is read by the first of its names, what came of it is sorted the same way, and
both are joined. However many files there are, and however many names one has, memory stays the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

from hashmatch.errors import OutputUnusable
from hashmatch.hashing.engine import FileResult
from hashmatch.outcomes import FailureReason
from hashmatch.reports.findings import Finding
from hashmatch.scan.batch import Answer, Batch
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.records import decode, encode
from hashmatch.scan.sorting import SortedRuns, grouped

# Device, inode, size. One inode has one size: where two differ, a driver gives one number to several files.
_FILE: Final = struct.Struct(">QQQ")
_READ: Final = b"\0"  # marks of findings: the content was read, or its size alone decided
_BY_SIZE: Final = b"\1"

Examine = Callable[[Iterator[Batch]], Iterator[Answer]]


class HardLinks:
    """Names that were put off during the walk, in two files of the output directory that go with this context."""

    def __init__(self, directory: Path) -> None:
        """Begin with no names.

        Raises:
            OutputUnusable: the output directory refuses.
        """
        self._names = SortedRuns(directory / "links.names")
        try:
            self._findings = SortedRuns(directory / "links.findings")
        except OutputUnusable:
            self._names.remove()
            raise
        self._under_way: dict[bytes, bytes] = {}

    def put_off(self, path: bytes, result: FileResult) -> None:
        """Take a name that the engine has deferred."""
        self._names.add(_file(result) + path)

    def read(self, examine: Examine, ledger: Ledger) -> Iterator[None]:
        """Have each file read by its first name; yields after each."""
        for batch, results in examine(self._first_names()):
            name = batch.names[0]
            file = self._under_way.pop(_joined(batch.directory, name))
            if results[0].failure is None and _file(results[0]) != file:
                # The name has become another file's since it was listed; its content says nothing of the others'.
                results = [results[0]._replace(failure=FailureReason.UNSTABLE)]
            for number, result in enumerate(results):
                # The part behind the file's own name, none for its main content, `:stream` for a stream.
                behind = result.name[len(name) :]
                mark = _BY_SIZE if result.unlisted_size and result.failure is None else _READ
                self._findings.add(file + mark + encode(ledger.judge(behind, result, is_stream=number > 0)))
            yield

    def enter(self, ledger: Ledger) -> None:
        """Enter a finding for every name of the files that were read."""
        found = _findings_by_file(self._findings)
        file, findings, by_size = next(found, _NO_FILE)
        for key, items in grouped(self._names.merged(), _FILE.size):
            if key != file:
                continue  # An interrupted scan did not come to read it.
            for number, item in enumerate(items):
                ledger.hard_links += number > 0
                ledger.no_match_by_size += by_size * (number > 0)  # the first name was counted when it was judged
                ledger.listed += len(findings) - 1
                for finding in findings:
                    ledger.enter(finding._replace(path=item[_FILE.size :] + finding.path))
            file, findings, by_size = next(found, _NO_FILE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for runs in (self._names, self._findings):
            runs.remove()

    def _first_names(self) -> Iterator[Batch]:
        for file, items in grouped(self._names.merged(), _FILE.size):
            path = next(items)[_FILE.size :]
            directory, _, name = path.rpartition(b"/")
            self._under_way[path] = file
            yield Batch(directory, (name,), streams=False, defer_links=False)


class _Found(NamedTuple):
    """What came of one file: a finding, and one for each alternate stream; how many of them its size decided."""

    file: bytes
    findings: list[Finding]
    by_size: int


_NO_FILE: Final = _Found(b"", [], 0)


def _findings_by_file(findings: SortedRuns) -> Iterator[_Found]:
    for file, items in grouped(findings.merged(), _FILE.size):
        marked = [(item[_FILE.size :][:1], decode(item[_FILE.size + 1 :])) for item in items]
        yield _Found(file, [finding for _, finding in marked], sum(mark == _BY_SIZE for mark, _ in marked))


def _file(result: FileResult) -> bytes:
    return _FILE.pack(result.device, result.inode, result.size)


def _joined(directory: bytes, name: bytes) -> bytes:
    return b"%b/%b" % (directory, name) if directory else name
