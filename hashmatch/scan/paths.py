"""Names that a directory gives twice.

In a forged or damaged file system two entries of a directory can have one name. The name leads to whichever the
driver finds first, for both: what was found under it says nothing of the other entry, which nobody can open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hashmatch.outcomes import FailureReason, Outcome
from hashmatch.reports.findings import Finding


def one_entry_a_path(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Let one finding of each path stand, and make every further one `not_examined: duplicate_name`.

    Args:
        findings: in the order of their paths.
    """
    last = b""
    for finding in findings:
        path = finding.path
        if path == last and finding.outcome is not Outcome.NOT_EXAMINED:
            yield Finding(path, finding.is_stream, Outcome.NOT_EXAMINED, FailureReason.DUPLICATE_NAME, None, None, 0, 0)
        else:
            yield finding
        last = path
