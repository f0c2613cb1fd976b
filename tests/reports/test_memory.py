"""A report of many findings takes no more memory than one of few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_REPORT = """
import resource, sys
from pathlib import Path
from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, Outcome, Strength
from hashmatch.reports.findings import Finding
from hashmatch.reports.report import write_findings
from hashmatch.scan.journal import Journal
from tests.scan.dict_snapshot import DictList

directory, number = Path(sys.argv[1]), int(sys.argv[2])
directory.mkdir()
flag = (Agreement(0, 1, Strength.STRONG),)
with Journal.begin(directory, {}) as journal:
    for n in range(number):
        path = b"Users/someone/Pictures/%d/IMG_%d.jpg" % (n * 7919 % 1009, n)
        if n % 3 == 0:
            journal.add(Finding(path, False, Outcome.MATCH, None, None, None, n, n, flag))
        elif n % 3 == 1:
            journal.add(Finding(path, False, Outcome.NO_MATCH, None, None, None, n, n))
        else:
            journal.add(Finding(path, False, Outcome.EXCLUDED, ExclusionReason.EMPTY, None, None, 0, n))
    write_findings(directory, journal.findings(), [DictList()], "5" * 64, number)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_findings(tmp_path: Path) -> None:
    """Three times the findings take the same, once the journal has more than one run."""
    used = [_report(tmp_path / str(number), number) for number in (100_000, 300_000)]
    assert used[1] < used[0] + 10_000  # KiB


def _report(directory: Path, findings: int) -> int:
    command = [sys.executable, "-c", _REPORT, str(directory), str(findings)]
    return int(subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2]).stdout)
