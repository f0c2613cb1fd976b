"""What all changes have in common: a beginning on the record, and what keeps them from being done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.recorder import Recorder
from hashmatch.errors import AccessError, AuditError, HashmatchError, ListError, UsageError


@contextmanager
def ending(recorder: Recorder, action: Action, subject: str) -> Iterator[None]:
    """Record that something begins, and with its code what keeps it from being done."""
    recorder.record(action, EventOutcome.BEGUN, subject=subject)
    try:
        yield
    except AuditError:
        raise
    except HashmatchError as error:
        refused = isinstance(error, ListError | AccessError | UsageError)
        outcome = EventOutcome.REFUSED if refused else EventOutcome.FAILED
        recorder.record(action, outcome, subject=subject, reason=error.code)
        raise
