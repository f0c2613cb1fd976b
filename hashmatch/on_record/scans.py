"""Scanning, on the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, TypedDict, Unpack

from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.recorder import Recorder
from hashmatch.errors import AuditError, HashmatchError
from hashmatch.outcomes import Outcome
from hashmatch.reports.findings import Finding
from hashmatch.reports.header import ScanHeader
from hashmatch.reports.report import Listed
from hashmatch.scan import run
from hashmatch.scan.request import PinnedSnapshot, Progress, ScanRequest, ScanSummary

_ENDINGS: Final = {
    "complete": EventOutcome.COMPLETE,
    "incomplete": EventOutcome.INCOMPLETE,
    "interrupted": EventOutcome.INTERRUPTED,
}


class Watched(TypedDict, total=False):
    """Who is told while it goes on, and who may stop it; as in `scan.run.scan`."""

    progress: Progress
    flagged: Callable[[Finding], None]
    stopped: Callable[[], bool]


def scan(
    recorder: Recorder,
    request: ScanRequest,
    snapshot: PinnedSnapshot,
    started: datetime,
    clock: Callable[[], datetime],
    **watched: Unpack[Watched],
) -> ScanSummary:
    """Examine a source, as `scan.run.scan` does; how it ended is recorded before there is a `report.json`.

    Raises:
        AuditUnwritable: the beginning could not be recorded, and nothing was read; or the end, and there is no report.
        HashmatchError: what the use case raises.
    """
    exhibit, pinned = request.case.exhibit, snapshot.snapshot_id
    recorder.record(Action.SCAN_START, EventOutcome.BEGUN, subject=exhibit, snapshot=pinned)
    try:
        return run.scan(request, snapshot, started, clock, concluded=partial(_conclude, recorder, exhibit), **watched)
    except AuditError:
        raise
    except HashmatchError as error:
        recorder.record(Action.SCAN_END, EventOutcome.FAILED, subject=exhibit, snapshot=pinned, reason=error.code)
        raise


def _conclude(recorder: Recorder, exhibit: str | None, header: ScanHeader, listed: Listed) -> None:
    outcomes = {str(outcome): listed.counts.outcomes[outcome] for outcome in Outcome}
    strengths = {str(strength): count for strength, count in listed.counts.strengths.items()}
    recorder.record(
        Action.SCAN_END,
        _ENDINGS[header.status],
        subject=exhibit,
        counts={"seen": listed.counts.seen, **outcomes, **strengths},
        snapshot=header.snapshot_id,
        result_digest=listed.result_digest,
    )
