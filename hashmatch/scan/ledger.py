"""The ledger of a scan: turns what was read into findings, enters them in the journal, keeps count.

Two counts are kept apart: how many entries were listed, and how many findings were entered. At the end of a scan
that was not interrupted they are equal, or something was skipped and there is no report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from hashmatch.digests import Algorithm
from hashmatch.errors import StoreError
from hashmatch.evidence.streams import STREAMS_UNLISTED
from hashmatch.evidence.tree import Entry
from hashmatch.hashing.engine import FileResult
from hashmatch.matching import Agreement, decide
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome
from hashmatch.reports.counts import ReadingCounts
from hashmatch.reports.findings import Finding
from hashmatch.scan.journal import Journal
from hashmatch.scan.reading import BY_SIZE, PLAIN, by_mark, counted, reading_of
from hashmatch.scan.records import decode, encode, encode_no_matches, reading_in
from hashmatch.scan.request import PinnedSnapshot

_NO_MATCH: Final = attrgetter("name", "size", "stamp")
_BYTES_READ: Final = attrgetter("bytes_read")
_ATIME_RISKED: Final = attrgetter("atime_risked")


def unseen(_: Finding) -> None:
    """Do nothing with a match: for a scan whose flags nobody waits for."""


class Ledger:
    """Used by one thread. `flagged` is given each match before the journal is."""

    def __init__(
        self,
        journal: Journal,
        known: PinnedSnapshot,
        algorithms: tuple[Algorithm, ...],
        flagged: Callable[[Finding], None] = unseen,
    ) -> None:
        self._flagged = flagged
        self._journal = journal
        self._known = known
        self.algorithms = algorithms
        self.listed = 0
        self.files = 0
        self.carried = 0
        self.matches = 0
        self.bytes_carried = 0
        self._bytes_read = 0
        self.hard_links = 0
        self.alternate_streams = 0
        self.no_match_by_size = 0
        self._bytes_not_read = 0
        self._atime_risked = 0
        self._sparse = 0

    @property
    def not_reached(self) -> int:
        """Entries that were listed and have no finding yet."""
        return self.listed - len(self._journal)

    @property
    def bytes_read(self) -> int:
        """Content bytes that were read, by earlier parts of the scan too."""
        return self._bytes_read + self.bytes_carried

    def enter_entry(self, entry: Entry) -> None:
        """Enter what the walk has settled by itself."""
        self.listed += 1
        is_stream = entry.path.endswith(STREAMS_UNLISTED) and entry.reason is FailureReason.STREAMS_UNREADABLE
        finding = Finding(entry.path, is_stream, entry.outcome, entry.reason, entry.errno, None, 0, entry.inode)
        self._journal.settle(encode(finding))

    def enter(self, finding: Finding, reading: bytes) -> None:
        """Enter the finding of a file or stream."""
        if finding.outcome is Outcome.MATCH:
            self.matches += 1
            self._flagged(finding)
        self._journal.add(finding, reading)
        self.files += 1
        self.alternate_streams += finding.is_stream

    def enter_batch(self, prefix: bytes, results: Sequence[FileResult], *, is_stream: bool) -> None:
        """Enter what became of files, or streams, whose paths are their names behind `prefix`.

        The findings are those that `judge` comes to for each; but the lists are asked about all files at once, and
        what matches nothing, as most files do, is written together.

        Raises:
            AssertionError: the engine gave other digests than it was asked for.
        """
        plain = self._count_reading(results)
        unlisted: list[FileResult] = []
        read: list[FileResult] = []
        for result in results:
            if result.failure is not None or not result.size:
                found = _without_content(prefix + result.name, result, is_stream=is_stream)
                self.enter(found, reading_of(result))
            elif result.unlisted_size:
                unlisted.append(result)
            else:
                read.append(result)
        self._count_unlisted(unlisted)
        self._enter_no_matches(prefix, unlisted, BY_SIZE if plain else None, is_stream=is_stream)
        absent = self._look_up(prefix, read, is_stream=is_stream)
        self._enter_no_matches(prefix, absent, PLAIN if plain else None, is_stream=is_stream)

    def carry(self, record: bytes, *, another_name: bool = False, told: bool = True) -> None:
        """Enter what an earlier part of the scan found, and count it as if it had been found now.

        Args:
            record: in the form of the journal.
            another_name: a link: the content was counted with the first name of its file.
            told: the match was given to `flagged` by an earlier part.
        """
        finding = decode(record)
        reading = counted(reading_in(record))
        if finding.outcome is Outcome.MATCH:
            self.matches += 1
            if not told:
                self._flagged(finding)
        self._journal.settle(record)
        self.files += 1
        self.carried += 1
        self.alternate_streams += finding.is_stream
        self.no_match_by_size += reading.by_size
        if not another_name:
            self._atime_risked += reading.atime_risked
            self._sparse += reading.sparse
            self._bytes_not_read += reading.by_size * finding.size
            self.bytes_carried += (not reading.by_size) * finding.size

    def judge(self, path: bytes, result: FileResult, *, is_stream: bool) -> Finding:
        """Decide what became of content that was read, or was meant to be, and count the reading."""
        self._count_reading((result,))
        if result.failure is not None or not result.size:
            return _without_content(path, result, is_stream=is_stream)
        if result.unlisted_size:
            self._count_unlisted((result,))
            return _finding(path, result, (), is_stream=is_stream)
        return self._decide(path, result, is_stream=is_stream)

    def reading(self) -> ReadingCounts:
        return ReadingCounts(
            self.bytes_read,
            self.hard_links,
            self.alternate_streams,
            self._atime_risked,
            self._sparse,
            self.no_match_by_size,
            self._bytes_not_read,
        )

    def _count_reading(self, results: Sequence[FileResult]) -> bool:
        """Count what was read; tell whether nothing of how that was done needs a mark."""
        atime_risked = sum(map(_ATIME_RISKED, results))
        sparse = sum([result.allocated < result.size for result in results])
        self._bytes_read += sum(map(_BYTES_READ, results))
        self._atime_risked += atime_risked
        self._sparse += sparse
        return not (atime_risked or sparse)

    def _count_unlisted(self, results: Sequence[FileResult]) -> None:
        self.no_match_by_size += len(results)
        self._bytes_not_read += sum([result.size for result in results])

    def _enter_no_matches(
        self, prefix: bytes, results: list[FileResult], mark: bytes | None, *, is_stream: bool
    ) -> None:
        """Enter files that match nothing, together; `mark` is that of all their readings, None where they differ."""
        for one_mark, alike in by_mark(results).items() if mark is None else ((mark, results),):
            files = map(_NO_MATCH, alike)
            self._journal.extend(encode_no_matches(prefix, files, one_mark, is_stream=is_stream))
        self.files += len(results)
        self.alternate_streams += is_stream * len(results)

    def _look_up(self, prefix: bytes, results: list[FileResult], *, is_stream: bool) -> list[FileResult]:
        """Enter the files that may be listed, or cannot be looked up; return the others, which match nothing."""
        digests = [result.digests for result in results]
        if not {len(self.algorithms)}.issuperset(map(len, digests)):
            raise AssertionError(f"expected {len(self.algorithms)} digests of every file, got another number")
        try:
            positions = set(self._known.candidates(self.algorithms, digests))
        except StoreError:
            for result in results:
                failed = _failed(prefix + result.name, result, FailureReason.LOOKUP_FAILED, is_stream=is_stream)
                self.enter(failed, reading_of(result))
            return []
        for position in positions:
            result = results[position]
            self.enter(self._decide(prefix + result.name, result, is_stream=is_stream), reading_of(result))
        return [result for n, result in enumerate(results) if n not in positions] if positions else results

    def _decide(self, path: bytes, result: FileResult, *, is_stream: bool) -> Finding:
        try:
            # strict: an engine that gave fewer digests than it was asked for must not make a `no_match`.
            digests = dict(zip(self.algorithms, result.digests, strict=True))
            agreements = decide(digests, result.size, self._known)
        except StoreError:
            return _failed(path, result, FailureReason.LOOKUP_FAILED, is_stream=is_stream)
        return _finding(path, result, agreements, is_stream=is_stream)


def _without_content(path: bytes, result: FileResult, *, is_stream: bool) -> Finding:
    """Return the finding of a file that could not be read or is empty."""
    if result.failure is not None:
        return _failed(path, result, result.failure, is_stream=is_stream)
    return Finding(path, is_stream, Outcome.EXCLUDED, ExclusionReason.EMPTY, None, None, 0, result.inode)


def _failed(path: bytes, result: FileResult, failure: FailureReason, *, is_stream: bool) -> Finding:
    outcome = Outcome.NOT_EXAMINED
    return Finding(path, is_stream, outcome, failure, result.errno, result.offset, result.size, result.inode)


def _finding(path: bytes, result: FileResult, agreements: tuple[Agreement, ...], *, is_stream: bool) -> Finding:
    if not agreements:
        return Finding(path, is_stream, Outcome.NO_MATCH, None, None, None, result.size, 0)
    return Finding(path, is_stream, Outcome.MATCH, None, None, None, result.size, result.inode, agreements)
