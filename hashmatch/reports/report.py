"""A whole report: the findings go by once, in order, and every file of it is made on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashmatch.outcomes import Outcome
from hashmatch.reports import excluded, flags, flags_csv, not_examined, summary
from hashmatch.reports.counts import FindingCounts, ReadingCounts
from hashmatch.reports.findings import Finding, FlagNames, NoMatches, PinnedList
from hashmatch.reports.header import ScanHeader
from hashmatch.reports.output import DRAFT, ReportFile, remove, write_last
from hashmatch.reports.result_digest import ResultDigest

FILES: Final = (flags.NAME, flags_csv.NAME, not_examined.NAME, excluded.NAME)


@dataclass(frozen=True, slots=True)
class Listed:
    """What the findings added up to."""

    counts: FindingCounts
    result_digest: str


def write_findings(
    directory: Path,
    findings: Iterable[Finding | NoMatches],
    lists: Sequence[PinnedList],
    snapshot_id: str,
    expected: int,
) -> Listed:
    """Write the files that list findings, given in the order of their paths.

    Raises:
        OutputUnusable: the disk refuses.
        AssertionError: the findings are not the `expected` number, or their outcomes do not add up.
    """
    with ExitStack() as open_files:
        files = [open_files.enter_context(ReportFile(directory, name)) for name in FILES]
        flag_lines, flag_table, failures, exclusions = files
        flag_table.write(flags_csv.header_row())
        names, counts, digest = FlagNames(lists), FindingCounts(), ResultDigest(snapshot_id)
        for finding in findings:
            if isinstance(finding, NoMatches):
                digest.add_no_matches(finding.lines)
                counts.add_no_matches(len(finding.lines))
                continue
            flagged = names.flags(finding.agreements)
            counts.add(finding, flagged)
            digest.add(finding, flagged)
            if finding.outcome is Outcome.MATCH:
                flag_lines.write(flags.flags_line(finding, flagged))
                flag_table.write(flags_csv.flag_rows(finding, flagged))
            elif finding.outcome is Outcome.NOT_EXAMINED:
                failures.write(not_examined.not_examined_line(finding))
            elif finding.outcome is Outcome.EXCLUDED:
                exclusions.write(excluded.excluded_line(finding))
        counts.check(expected)
        for file in files:
            file.finish()
    return Listed(counts, digest.hexdigest())


def take_back(directory: Path) -> None:
    """Remove a report that an earlier part of a scan has left, whole or not: first what makes it whole.

    Raises:
        OutputUnusable: the disk refuses.
    """
    remove(directory, (summary.NAME,))
    remove(directory, (*FILES, f"{summary.NAME}{DRAFT}"))


def write_summary(
    directory: Path, header: ScanHeader, lists: Sequence[PinnedList], listed: Listed, reading: ReadingCounts
) -> Path:
    """Write `report.json`, which makes the report whole, and return where it is.

    Raises:
        OutputUnusable: the disk refuses.
    """
    content = summary.summary(header, lists, listed.counts, reading, listed.result_digest)
    write_last(directory, summary.NAME, content)
    return directory / summary.NAME
