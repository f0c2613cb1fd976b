"""An import that the service was asked for: `hashmatch lists import` of a file that was uploaded."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hashmatch.custody.recorder import Recorder
from hashmatch.digests import Algorithm
from hashmatch.errors import UsageError
from hashmatch.hashlists.entries import ListType
from hashmatch.hashlists.formats import FORMATS
from hashmatch.lists import Imported, ImportRequest
from hashmatch.on_record.lists import import_list
from hashmatch.runs import files
from hashmatch.runs.events import EventWriter
from hashmatch.runs.record import ImportAsked, State

PROGRESS: Final = "progress"
_EVERY: Final = 1.0  # seconds between two events of progress


def carry_out_import(
    recorder: Recorder, asked: ImportAsked, places: files.Places, events: EventWriter
) -> files.Outcome:
    """Take the list in, tell what happens, and return what came of it; the upload is gone afterwards.

    Raises:
        UsageError: what is declared makes no sense.
        ListError, StoreError: what `import_list` raises.
    """
    try:
        imported = import_list(
            recorder,
            places.settings,
            import_request(asked),
            now=datetime.now(UTC),
            processes=len(os.sched_getaffinity(0)),
            progress=_Telling(events),
        )
    finally:
        remove_upload(asked, places)
    return _outcome(imported)


def import_request(asked: ImportAsked) -> ImportRequest:
    """Return what is declared in the words of the use case.

    Raises:
        UsageError: a type, format or algorithm is not known.
    """
    if asked.format != "auto" and asked.format not in FORMATS:
        raise UsageError(f"format: expected auto or one of {', '.join(FORMATS)}")
    try:
        list_type = ListType(asked.list_type)
        algorithm = None if asked.algorithm is None else Algorithm.named(asked.algorithm)
    except ValueError as error:
        raise UsageError(f"the list as declared: {error}") from None
    return ImportRequest(
        path=Path(asked.upload),
        list_id=asked.list_id,
        list_type=list_type,
        release=asked.release,
        authority=asked.authority,
        format=asked.format,
        algorithm=algorithm,
        scheme=asked.scheme,
        category=asked.category,
        unsigned=asked.unsigned,
        activate=asked.activate,
    )


def remove_upload(asked: ImportAsked, places: files.Places) -> None:
    """Remove the uploaded file, if it is one."""
    if os.path.dirname(asked.upload) == places.uploads:
        with suppress(FileNotFoundError):
            os.unlink(asked.upload)


class _Telling:
    """Turns the words of progress into an event at each new step and one a second."""

    def __init__(self, events: EventWriter) -> None:
        self._events = events
        self._step = ""
        self._said = 0.0

    def __call__(self, step: str, done: int) -> None:
        now = time.monotonic()
        if step != self._step or now - self._said >= _EVERY:
            self._step, self._said = step, now
            self._events.write(PROGRESS, {"step": step, "done": done})


def _outcome(imported: Imported) -> files.Outcome:
    manifest = imported.stored.manifest
    counts = {
        "entries": manifest.entries,
        "duplicates": manifest.duplicates,
        "records": manifest.records,
        "quarantined": sum(manifest.quarantined.values()),
        "dropped": sum(manifest.dropped.values()),
        "contradictions": sum(each.digests for each in manifest.contradictions),
    }
    result = {
        "generation": imported.stored.directory.name,
        "active": "yes" if imported.active else "no",
        "replaced": imported.replaced,
        "format": manifest.source_format,
        "signature": manifest.signature,
    }
    return files.Outcome(State.COMPLETE, counts=counts, result=result)
