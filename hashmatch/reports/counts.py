"""The counts of a scan, taken from its findings one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from hashmatch.hashlists.entries import ListType
from hashmatch.outcomes import Outcome, Strength
from hashmatch.reports.findings import REMEMBERED, Finding, Flag


@dataclass(frozen=True, slots=True)
class ReadingCounts:
    """What only the reading itself can know: a hard link's content is read once for all its names.

    Attributes:
        bytes_read: content bytes, files that failed included.
        hard_links: names beyond the first of files that have several.
        alternate_streams: streams of files beside their main one.
        atime_risked: reads for which O_NOATIME was refused.
        sparse: files that take less storage than their size.
        no_match_by_size: names of `no_match` whose content was not read, because no entry has its size.
        bytes_not_read: their content, that of a file with several names counted once.
    """

    bytes_read: int = 0
    hard_links: int = 0
    alternate_streams: int = 0
    atime_risked: int = 0
    sparse: int = 0
    no_match_by_size: int = 0
    bytes_not_read: int = 0


@dataclass(slots=True)
class FindingCounts:
    """How the entries of the evidence ended. `by_list` counts files, by the list's id and release, then strength."""

    seen: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[tuple[Outcome, str]] = field(default_factory=Counter)
    strengths: Counter[Strength] = field(default_factory=Counter)
    by_list: Counter[tuple[str, str, Strength]] = field(default_factory=Counter)
    notable_and_known: int = 0

    def add(self, finding: Finding, flags: tuple[Flag, ...]) -> None:
        """Count one finding. A file counts once for a list and strength, under however many categories."""
        self.seen += 1
        self.outcomes[finding.outcome] += 1
        if finding.reason is not None:
            self.reasons[finding.outcome, finding.reason] += 1
        if flags:
            strengths, lists, both = _counted(flags)
            for strength in strengths:
                self.strengths[strength] += 1
            for each in lists:
                self.by_list[each] += 1
            self.notable_and_known += both

    def add_no_matches(self, number: int) -> None:
        """Count findings that match nothing."""
        self.seen += number
        self.outcomes[Outcome.NO_MATCH] += number

    def check(self, expected: int) -> None:
        """Hold the first invariant: the outcomes add up, and to every entry that was walked.

        Raises:
            AssertionError: they do not; then no report may be written.
        """
        total = sum(self.outcomes[outcome] for outcome in Outcome)
        if not self.seen == total == expected:
            raise AssertionError(
                f"{expected} entries were seen, {self.seen} are in the journal, {total} have an outcome"
            )

    def reasons_of(self, outcome: Outcome) -> dict[str, int]:
        """Return how often each reason was given for `outcome`, by name."""
        return {str(reason): n for (of, reason), n in sorted(self.reasons.items()) if of is outcome}


@lru_cache(REMEMBERED)
def _counted(flags: tuple[Flag, ...]) -> tuple[set[Strength], set[tuple[str, str, Strength]], bool]:
    """Return the strengths, the lists with strengths, and whether both a notable and a known list are among them."""
    types = {flag.type for flag in flags}
    both = ListType.NOTABLE in types and ListType.KNOWN in types
    return {flag.strength for flag in flags}, {(flag.list, flag.release, flag.strength) for flag in flags}, both
