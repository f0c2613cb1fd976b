"""A scan that the service was asked for: `hashmatch scan` with its report in the run's directory."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hashmatch.config import Settings
from hashmatch.custody.opening import trail_places
from hashmatch.custody.recorder import Recorder
from hashmatch.digests import Algorithm
from hashmatch.errors import UsageError
from hashmatch.on_record.scans import scan
from hashmatch.reports import summary
from hashmatch.reports.findings import Finding
from hashmatch.reports.flags import FlagLines
from hashmatch.reports.header import CaseFields
from hashmatch.runs import files
from hashmatch.runs.events import EventWriter
from hashmatch.runs.record import ScanAsked, State
from hashmatch.runs.roots import source_beneath
from hashmatch.scan import journal
from hashmatch.scan.request import ScanProgress, ScanRequest
from hashmatch.scan.run import check_places
from hashmatch.store.opening import open_lists

PROGRESS: Final = "progress"
FLAG: Final = "flag"
_EVERY: Final = 1.0  # seconds between two events of progress


def carry_out_scan(
    recorder: Recorder, directory: Path, asked: ScanAsked, start: files.Start, events: EventWriter
) -> files.Outcome:
    """Scan, or go on with what an earlier attempt has begun; tell what happens, and return what came of it.

    Raises:
        HashmatchError: what `on_record.scans.scan` and `open_lists` raise; `SourceOutside`.
    """
    settings = start.places.settings
    output = directory / files.REPORT
    resume = start.attempt > 1 and (output / journal.NAME).exists()
    if start.attempt > 1 and not resume:
        if (output / summary.NAME).exists():
            # An earlier attempt came to its end, and died before it could say so.
            return _outcome(output)
        shutil.rmtree(output, ignore_errors=True)
    request = replace(scan_request(asked, settings, start.places, output), resume=resume)
    check_places(request)
    with open_lists(settings) as snapshot:
        telling = _Telling(events, FlagLines(snapshot.lists))
        scan(recorder, request, snapshot, _now(), _now, progress=telling.progress, flagged=telling.flag)
    return _outcome(output)


def scan_request(asked: ScanAsked, settings: Settings, places: files.Places, output: Path) -> ScanRequest:
    """Return what is asked in the words of the use case.

    Raises:
        UsageError: the source is no absolute path, or an algorithm is not known.
        SourceOutside: the source is not beneath an evidence root.
    """
    return ScanRequest(
        source=source_beneath(asked.source, places.evidence_roots),
        output=output,
        case=CaseFields(asked.case, asked.exhibit, asked.examiner, asked.legal_authority),
        digests=None if asked.digests is None else tuple(sorted({_algorithm(name) for name in asked.digests})),
        workers=asked.workers,
        allow_writable=asked.allow_writable,
        cross_mounts=asked.cross_mounts,
        max_file_size=asked.max_file_size,
        first=asked.first,
        skip_by_size=asked.skip_by_size,
        kept_outside=(settings.store, settings.sealing_key, *trail_places(settings)),
    )


class _Telling:
    """Turns matches into events, and the words of progress, some ten a second, into one event a second."""

    def __init__(self, events: EventWriter, lines: FlagLines) -> None:
        self._events = events
        self._lines = lines
        self._said = -_EVERY

    def progress(self, progress: ScanProgress) -> None:
        now = time.monotonic()
        if now - self._said >= _EVERY:
            self._said = now
            self._events.write(PROGRESS, progress._asdict())

    def flag(self, finding: Finding) -> None:
        self._events.write(FLAG, orjson.Fragment(self._lines.line(finding).rstrip()))


def _outcome(output: Path) -> files.Outcome:
    """Return what a report says, of which there is no part until all of it is there."""
    report: dict[str, Any] = orjson.loads((output / summary.NAME).read_bytes())
    counts = {name: count for name, count in report["counts"].items() if isinstance(count, int)}
    return files.Outcome(
        State(report["status"]),
        resumable=report["status"] == State.INTERRUPTED,
        counts=counts | report["counts"]["matches_by_strength"],
        result={"snapshot": report["snapshot"]["id"], "result_digest": report["result_digest"]},
    )


def _algorithm(name: str) -> Algorithm:
    try:
        return Algorithm.named(name)
    except ValueError as error:
        raise UsageError(f"digests: {error}") from None


def _now() -> datetime:
    return datetime.now(UTC)
