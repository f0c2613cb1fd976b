"""Changing which lists there are, on the record."""

from __future__ import annotations

from datetime import datetime

from hashmatch import lists
from hashmatch.config import Settings
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.recorder import Recorder
from hashmatch.lists import Imported, ImportRequest, Progress
from hashmatch.on_record.ending import ending
from hashmatch.store.catalogue import Stored


def import_list(
    recorder: Recorder,
    settings: Settings,
    request: ImportRequest,
    *,
    now: datetime,
    processes: int,
    progress: Progress,
) -> Imported:
    """Take a list in, as `lists.import_list` does.

    Raises:
        AuditUnwritable: not all of it could be recorded; what was begun is.
        HashmatchError: what the use case raises.
    """
    subject = f"{request.list_id} {request.release}"
    with ending(recorder, Action.IMPORT, subject):
        imported = lists.import_list(settings, request, now=now, processes=processes, progress=progress)
    manifest = imported.stored.manifest
    counts = {
        "entries": manifest.entries,
        "records": manifest.records,
        "quarantined": sum(manifest.quarantined.values()),
        "contradicting_lists": len(manifest.contradictions),
    }
    events = [
        recorder.event(Action.IMPORT, EventOutcome.DONE, subject=subject, counts=counts, reason=manifest.signature)
    ]
    if imported.active:
        events.append(recorder.event(Action.ACTIVATION, EventOutcome.DONE, subject=subject))
    recorder.trail.record(*events)
    return imported


def activate(recorder: Recorder, settings: Settings, list_id: str, release: str) -> Stored:
    """Make a release the active one of its list, as `lists.activate` does.

    Raises:
        AuditUnwritable: not all of it could be recorded; what was begun is.
        HashmatchError: what the use case raises.
    """
    subject = f"{list_id} {release}"
    with ending(recorder, Action.ACTIVATION, subject):
        stored = lists.activate(settings, list_id, release)
    recorder.record(Action.ACTIVATION, EventOutcome.DONE, subject=subject)
    return stored


def retire(recorder: Recorder, settings: Settings, list_id: str) -> str:
    """Take a list out of use, as `lists.retire` does.

    Raises:
        AuditUnwritable: not all of it could be recorded; what was begun is.
        HashmatchError: what the use case raises.
    """
    with ending(recorder, Action.RETIREMENT, list_id):
        release = lists.retire(settings, list_id)
    recorder.record(Action.RETIREMENT, EventOutcome.DONE, subject=f"{list_id} {release}")
    return release
