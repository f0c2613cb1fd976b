"""How a run ended: from its process's last word, how the process ended, and what had been asked of it."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import Final

import msgspec

from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.runs.files import ERRORS, Outcome, Status
from hashmatch.runs.record import Kind, Run, ScanAsked, State

END: Final = "end"  # the last event of a run, and of each attempt at it


def ending(run: Run, outcome: Outcome | None, how: int | None, now: datetime, *, stopping: bool) -> Status:
    """Return the state a run ends in.

    What the process said counts, whatever happened afterwards: it may have been told to stop when it was done, or have
    died in taking itself down.

    Args:
        run: as it was while it ran.
        outcome: what its process said last; None where it came to say nothing.
        how: the exit code, negative for a signal as `subprocess` has it; None where nobody was there to see it.
        now: when that is.
        stopping: the service is being stopped.
    """
    status = Status(run.state, attempts=run.attempts, started=run.started, ended=now)
    if outcome is not None and outcome.state is not State.INTERRUPTED:
        return _said(status, outcome)
    counts = outcome.counts if outcome else {}
    resumable = run.kind is Kind.SCAN
    state, reason = State.INTERRUPTED, "its process was told to stop"
    if run.cancelling:
        state, reason = State.CANCELLED, "it was cancelled"
    elif stopping:
        reason = "the service was stopped"
    elif outcome is None and how is None:
        reason = "the service ended while it ran"
    elif outcome is None:
        state, reason = State.FAILED, _how_it_ended(how or 0)
    return msgspec.structs.replace(status, state=state, reason=reason, resumable=resumable, counts=counts)


def end_of(run: Run) -> dict[str, object]:
    """Return what the last event of a run says."""
    return {
        "state": run.state,
        "reason": run.reason,
        "code": run.code,
        "resumable": run.resumable,
        "counts": run.counts,
        "result": run.result,
    }


def event_of(run: Run, status: Status) -> Event:
    """Return what the audit trail is told of a run whose process could not tell it itself."""
    asked = run.request
    return Event(
        Action.SCAN_END if run.kind is Kind.SCAN else Action.IMPORT,
        EventOutcome(status.state),
        run.owner,
        run.role,
        case=run.case,
        subject=asked.exhibit if isinstance(asked, ScanAsked) else f"{asked.list_id} {asked.release}",
        run=run.id,
        reason=status.reason,
    )


def _how_it_ended(how: int) -> str:
    if how >= 0:
        return f"its process ended with exit code {how}; what it said is in {ERRORS} of its directory"
    try:
        name = signal.Signals(-how).name
    except ValueError:
        name = f"signal {-how}"
    return f"its process was ended by {name}"


def _said(status: Status, outcome: Outcome) -> Status:
    return msgspec.structs.replace(
        status,
        state=outcome.state,
        reason=outcome.reason,
        code=outcome.code,
        resumable=outcome.resumable,
        counts=outcome.counts,
        result=outcome.result,
    )
