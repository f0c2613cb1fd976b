"""The ledger of a scan: turns what was read into findings, enters them in the journal, keeps count.

Two counts are kept apart: how many entries were listed, and how many findings were entered. At the end of a scan
that was not interrupted they are equal, or something was skipped and there is no report.
"""

from __future__ import annotations

from hashmatch.digests import Algorithm
from hashmatch.errors import StoreError
from hashmatch.evidence.streams import STREAMS_UNLISTED
from hashmatch.evidence.tree import Entry
from hashmatch.hashing.engine import FileResult
from hashmatch.matching import KnownHashes, decide
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome
from hashmatch.reports.counts import ReadingCounts
from hashmatch.reports.findings import Finding
from hashmatch.scan.journal import Journal


class Ledger:
    """Used by one thread."""

    def __init__(self, journal: Journal, known: KnownHashes, algorithms: tuple[Algorithm, ...]) -> None:
        self._journal = journal
        self._known = known
        self.algorithms = algorithms
        self.listed = 0
        self.files = 0
        self.matches = 0
        self.bytes_read = 0
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

    def enter_entry(self, entry: Entry) -> None:
        """Enter what the walk has settled by itself."""
        self.listed += 1
        is_stream = entry.path.endswith(STREAMS_UNLISTED) and entry.reason is FailureReason.STREAMS_UNREADABLE
        self._journal.add(
            Finding(entry.path, is_stream, entry.outcome, entry.reason, entry.errno, None, 0, entry.inode)
        )

    def enter(self, finding: Finding) -> None:
        """Enter the finding of a file or stream."""
        self._journal.add(finding)
        self.files += 1
        self.matches += finding.outcome is Outcome.MATCH
        self.alternate_streams += finding.is_stream

    def judge(self, path: bytes, result: FileResult, *, is_stream: bool) -> Finding:
        """Decide what became of content that was read, or was meant to be, and count the reading."""
        self.bytes_read += result.bytes_read
        self._atime_risked += result.atime_risked
        self._sparse += result.allocated < result.size
        if result.failure is not None:
            return _failed(path, result, result.failure, is_stream=is_stream)
        if result.size == 0:
            outcome, reason = Outcome.EXCLUDED, ExclusionReason.EMPTY
            return Finding(path, is_stream, outcome, reason, None, None, 0, result.inode)
        if result.unlisted_size:
            self.no_match_by_size += 1
            self._bytes_not_read += result.size
            return Finding(path, is_stream, Outcome.NO_MATCH, None, None, None, result.size, result.inode)
        try:
            # strict: an engine that gave fewer digests than it was asked for must not make a `no_match`.
            digests = dict(zip(self.algorithms, result.digests, strict=True))
            agreements = decide(digests, result.size, self._known)
        except StoreError:
            return _failed(path, result, FailureReason.LOOKUP_FAILED, is_stream=is_stream)
        outcome = Outcome.MATCH if agreements else Outcome.NO_MATCH
        return Finding(path, is_stream, outcome, None, None, None, result.size, result.inode, agreements)

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


def _failed(path: bytes, result: FileResult, failure: FailureReason, *, is_stream: bool) -> Finding:
    outcome = Outcome.NOT_EXAMINED
    return Finding(path, is_stream, outcome, failure, result.errno, result.offset, result.size, result.inode)
