"""Work that threads do together: one does it for all that have come, the others wait for the result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from hashmatch.custody.events import Event
from hashmatch.errors import AuditError, AuditUnwritable


class _Batch:
    """Events of several threads. Who comes first writes them for all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.settled = threading.Event()
        self.error: AuditError | None = None


class Together:
    """Gathers the events of threads that come while the batch before theirs is being written."""

    def __init__(self, write: Callable[[Sequence[Event]], None]) -> None:
        """Take what writes a batch; it is called by one thread at a time."""
        self._write = write
        self._gathering, self._turn = threading.Lock(), threading.Lock()
        self._batch = _Batch()

    def write(self, events: Sequence[Event]) -> None:
        """Return when the events were written, in their order and next to each other.

        Raises:
            AuditError: what `write` raised for the batch they were in.
        """
        with self._gathering:
            batch, first = self._batch, not self._batch.events
            batch.events += events
        if first:
            self._settle(batch)
        else:
            batch.settled.wait()
        if batch.error is not None:
            # Each thread raises an error of its own, as each adds its own traceback.
            raise type(batch.error)(str(batch.error)) from batch.error

    def _settle(self, batch: _Batch) -> None:
        batch.error = AuditUnwritable("interrupted while the events were written")
        try:
            # While this batch waits for its turn, and so for the one before to be flushed, others still join it.
            with self._turn:
                self._close(batch)
                self._write(batch.events)
            batch.error = None
        except AuditError as error:
            batch.error = error
        finally:
            self._close(batch)
            batch.settled.set()

    def _close(self, batch: _Batch) -> None:
        """Let no more events join a batch."""
        with self._gathering:
            if self._batch is batch:
                self._batch = _Batch()
