"""Names that a directory gives twice.

In a forged or damaged file system two entries of a directory can have one name. The name leads to whichever the
driver finds first, for both: what was found under it says nothing of the other entry, which nobody can open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hashmatch.outcomes import FailureReason, Outcome
from hashmatch.reports.findings import Finding, NoMatches
from hashmatch.scan.records import decode_line


def one_entry_a_path(findings: Iterable[Finding | NoMatches]) -> Iterator[Finding | NoMatches]:
    """Let one finding of each path stand, and make every further one `not_examined: duplicate_name`.

    Args:
        findings: in the order of their paths.
    """
    last = b""
    for finding in findings:
        if isinstance(finding, NoMatches):
            paths = [line.partition(b"\0")[0] for line in finding.lines]
            if paths[0] != last and len(set(paths)) == len(paths):
                yield finding
            else:
                yield from _one_by_one(finding, paths, last)
            last = paths[-1]
        else:
            yield _repeated(finding) if finding.path == last else finding
            last = finding.path


def _one_by_one(no_matches: NoMatches, paths: list[bytes], last: bytes) -> Iterator[Finding | NoMatches]:
    for line, path in zip(no_matches.lines, paths, strict=True):
        yield _repeated(decode_line(line)) if path == last else NoMatches([line])
        last = path


def _repeated(finding: Finding) -> Finding:
    if finding.outcome is Outcome.NOT_EXAMINED:
        return finding
    reason = FailureReason.DUPLICATE_NAME
    return Finding(finding.path, finding.is_stream, Outcome.NOT_EXAMINED, reason, None, None, 0, 0)
