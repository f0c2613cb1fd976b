"""Running whole scans over trees that a test has made, and reading their reports back."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from hashmatch.reports.findings import Finding
from hashmatch.reports.names import original
from hashmatch.scan.ledger import unseen
from hashmatch.scan.request import ScanRequest, ScanSummary
from hashmatch.scan.run import scan
from tests.scan.dict_snapshot import DictList, DictSnapshot

STARTED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Report:
    """A report as a reader finds it."""

    directory: Path
    summary: ScanSummary

    @property
    def head(self) -> Any:
        return orjson.loads((self.directory / "report.json").read_bytes())

    def lines(self, name: str) -> dict[bytes, Any]:
        """Return the records of one file by the names they give."""
        records = [orjson.loads(line) for line in (self.directory / name).read_bytes().splitlines()]
        named = {path_of(record): record for record in records}
        assert list(named) == sorted(named), "sorted by path bytes"
        assert len(named) == len(records)
        return named

    @property
    def reasons(self) -> dict[bytes, str]:
        return {path: each["reason"] for name in ("not_examined", "excluded") for path, each in self._of(name)}

    @property
    def flags(self) -> dict[bytes, list[tuple[str, str]]]:
        """Return (list, strength) of every flag, by path."""
        flagged = self.lines("flags.jsonl").items()
        return {path: [(flag["list"], flag["strength"]) for flag in each["flags"]] for path, each in flagged}

    def _of(self, name: str) -> list[tuple[bytes, Any]]:
        return list(self.lines(f"{name}.jsonl").items())


def path_of(record: Any) -> bytes:
    """Return the name a record gives, and hold that its two forms agree."""
    shown = original(record["path"])
    assert "path_b64" not in record or base64.b64decode(record["path_b64"]) == shown
    return shown


class Scans:
    """Scans a source again and again, each time into a directory of its own."""

    def __init__(self, source: Path, outputs: Path, started: datetime = STARTED) -> None:
        self.source = source
        self._outputs = outputs
        self._started = started
        self._number = 0

    def __call__(
        self,
        *lists: DictList,
        stopped: Callable[[], bool] = lambda: False,
        flagged: Callable[[Finding], None] = unseen,
        snapshot: Any = None,
        **changes: Any,
    ) -> Report:
        self._number += 1
        output = self._outputs / str(self._number)
        request = replace(ScanRequest(self.source, output, workers=1, allow_writable="a test's own tree"), **changes)
        pinned = snapshot or DictSnapshot(lists or [DictList().listing(b"listed")])
        summary = scan(request, pinned, self._started, lambda: self._started, flagged=flagged, stopped=stopped)
        return Report(request.output, summary)


def found_by_find(source: Path, *conditions: str) -> set[bytes]:
    """Ask the system's own `find` what is there."""
    command = ["find", str(source), "-xdev", "-mindepth", "1", *conditions, "-printf", r"%P\0"]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    return set(output.split(b"\0")[:-1])
