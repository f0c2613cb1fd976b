"""The journal of a scan: every finding as it is made, and all of them in the order of their paths at the end.

It lies in the output directory while the scan runs and is removed once the report is whole; where a report is
missing, a journal left behind shows how far its scan came.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import orjson

from hashmatch.reports.findings import Finding, NoMatches
from hashmatch.reports.result_digest import no_match_lines
from hashmatch.scan.records import decode, encode, is_plain_no_match
from hashmatch.scan.sorting import RUN_BYTES, SortedRuns

FORMAT: Final = 2
NAME: Final = "journal"


class Journal:
    """Memory does not grow with the number of findings: they are written in sorted runs and merged when read."""

    def __init__(self, directory: Path, facts: Mapping[str, str], *, run_bytes: int = RUN_BYTES) -> None:
        """Create the journal in an output directory; `facts` say of which scan it is.

        Raises:
            OutputUnusable: it cannot be created or written.
        """
        header = orjson.dumps({"hashmatch": "journal", "format": FORMAT, **facts})
        self._runs = SortedRuns(os.path.join(directory, NAME), header, run_bytes=run_bytes)

    def add(self, finding: Finding) -> None:
        """Take one finding.

        Raises:
            OutputUnusable: the disk does not take it.
        """
        self._runs.add(encode(finding))

    def add_no_matches(self, prefix: bytes, files: Iterable[tuple[bytes, int]], *, is_stream: bool) -> None:
        """Take files of one directory that match nothing, each by the rest of its path and its size.

        Raises:
            OutputUnusable: the disk does not take it.
        """
        self._runs.extend(no_match_lines(prefix, files, is_stream=is_stream))

    def findings(self) -> Iterator[Finding | NoMatches]:
        """Yield all findings by path; those that match nothing as many together as there are.

        Raises:
            OutputUnusable: what is read is not what was written.
        """
        for records in self._runs.stretches():
            for plain, same in groupby(records, is_plain_no_match):
                if plain:
                    yield NoMatches(list(same))
                else:
                    yield from map(decode, same)

    def __len__(self) -> int:
        return self._runs.count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runs.close()

    def remove(self) -> None:
        self._runs.remove()
