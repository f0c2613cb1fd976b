"""What a scan is asked, what it needs of a store, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from hashmatch.digests import Algorithm
from hashmatch.hashing.choice import EngineChoice
from hashmatch.matching import KnownHashes
from hashmatch.reports.counts import ReadingCounts
from hashmatch.reports.findings import PinnedList
from hashmatch.reports.header import CaseFields, ScanHeader
from hashmatch.reports.report import Listed


class PinnedSnapshot(KnownHashes, Protocol):
    """The lists a scan is compared with from its first file to its last."""

    @property
    def snapshot_id(self) -> str: ...

    @property
    def lists(self) -> Sequence[PinnedList]:
        """By the list numbers that `find` gives."""
        ...

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms that some list has digests of."""
        ...

    def candidates(self, algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        """Return the positions of the files any of whose digests may be listed; those of no other file are.

        A quick first question for many files at once: whoever is not among the answer needs no `find`.

        Args:
            algorithms: of each file's digests, in their order.
            digests: one tuple a file.

        Raises:
            StoreDamaged: the store cannot answer.
        """
        ...

    def sizes(self) -> bytes:
        """Return the sizes that entries give: ascending u64 in the machine's byte order, end to end.

        Raises:
            UsageError: the sizes of a list's entries are not all known.
            StoreDamaged: the store cannot answer.
        """
        ...

    def check_canaries(self) -> None:
        """Raise StoreDamaged unless digests that are known to be there are found."""
        ...


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a person asks for.

    Attributes:
        source: the directory the evidence is mounted on.
        output: a new or empty directory; that of the scan to go on with, to `resume`.
        digests: algorithms to compute; None for all that the pinned lists can use.
        workers: how many threads or processes read; None for as many as fit the device (`scan.readers`).
        engine: which one hashes.
        allow_writable: why a source that can be written to is scanned all the same.
        cross_mounts: go into file systems mounted inside the source.
        max_file_size: bytes; larger files are not read, and the report says which; None for no limit.
        first: patterns of what is read before all else (`evidence.likely`), and names of ready sets.
        skip_by_size: do not read files of a size that no entry of any pinned list has.
        resume: go on with a scan that ended before its report was whole, or was interrupted.
        kept_outside: further places that are written to and must not lie beneath the source (the store).
    """

    source: Path
    output: Path
    case: CaseFields = field(default_factory=CaseFields)
    digests: tuple[Algorithm, ...] | None = None
    workers: int | None = None
    engine: EngineChoice = EngineChoice.AUTO
    allow_writable: str | None = None
    cross_mounts: bool = False
    max_file_size: int | None = None
    first: tuple[str, ...] = ()
    skip_by_size: bool = False
    resume: bool = False
    kept_outside: tuple[Path, ...] = ()


class ScanProgress(NamedTuple):
    """How far a scan is.

    Attributes:
        files: files and streams examined; names of hard links count when their content was read.
        bytes: content bytes read.
        matches: files that agree with a list so far.
        listed: entries the walk has found so far, directories and the like included.
        walked: the walk has ended, so `listed` is final.
        entries_estimate, bytes_estimate: what the whole source may hold; 0 where nothing is known.
        bytes_before: of `bytes`, those that earlier parts of a resumed scan had read.
    """

    files: int
    bytes: int
    matches: int
    listed: int
    walked: bool
    entries_estimate: int
    bytes_estimate: int
    bytes_before: int = 0


Progress = Callable[[ScanProgress], None]


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What came of a scan; `report` is the path of `report.json`, which says the same."""

    header: ScanHeader
    listed: Listed
    reading: ReadingCounts
    report: Path

    @property
    def status(self) -> str:
        """`complete`, `incomplete` (something was not examined) or `interrupted`."""
        return self.header.status
