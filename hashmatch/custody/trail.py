"""The audit trail, to record events in: durable when `record` returns, or an error.

Threads that record at the same time are written together (`together.py`); processes wait for each other's flushes
(`trailfile.py`). Who records next signs a checkpoint when one is due, so no process has to be appointed for it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hashmatch.custody.checkpoints import Checkpoints
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.note import PublicKey
from hashmatch.custody.places import make_directory, writing
from hashmatch.custody.placing import Moment, Placer, now
from hashmatch.custody.signing import SigningKey, load_key, make_key, new_key, publish, replace_key
from hashmatch.custody.together import Together
from hashmatch.custody.trailfile import Last, Rescued, Written, open_trail_file
from hashmatch.errors import AuditError, AuditUnwritable

RECORDS_A_CHECKPOINT: Final = 1000
TIME_A_CHECKPOINT: Final = 60_000_000  # microseconds

# What ends something that people will ask about gets a checkpoint of its own.
_SEALING: Final = frozenset(
    {Action.SCAN_END, Action.ACTIVATION, Action.RETIREMENT, Action.WITHDRAWAL, Action.KEY_CHANGE, Action.SERVICE_END}
)


class Trail:
    """One process's hand on the trail of a store. Threads may share it; after a fork, open another."""

    def __init__(
        self, directory: Path, *, signing_key: Path, copies: Path | None = None, clock: Callable[[], Moment] = now
    ) -> None:
        """Open the trail in a directory; both are made where they are missing, and the key with a new trail.

        Args:
            directory: of the trail and its checkpoints.
            signing_key: the file of the key that checkpoints are signed with.
            copies: a second directory for checkpoints, best on another machine.
            clock: asked for each batch of events.

        Raises:
            AuditUnwritable: no permission, no space, or no key.
            AuditDamaged: the end of the trail is not what was written there.
        """
        self._clock = clock
        self._placer = Placer()
        self._together = Together(self._write_and_flush)
        for place in (directory, copies or directory):
            with writing(place):
                make_directory(place)
        self._file = open_trail_file(directory)
        try:
            key = self._begin(signing_key)
            self._checkpoints = Checkpoints(directory, copies, self._file.first().subject or "", signing_key)
            with writing(signing_key):
                self._checkpoints.check_key()
            publish(key, signing_key, self._checkpoints.origin)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.close()
            return
        with suppress(AuditError):  # what is under way is what there is to tell
            self.close()

    def close(self) -> None:
        """End this process's use of the trail, with a checkpoint over what was recorded.

        Raises:
            AuditUnwritable: the checkpoint could not be made.
        """
        try:
            self.checkpoint()
        finally:
            self._file.close()

    def record(self, *events: Event) -> None:
        """Write events, in their order and next to each other, and return when they are on the disk.

        Raises:
            AuditUnwritable: they may not be. Whatever they were to allow must not be done or answered. Once the disk
                takes writes again, so does this.
            AuditDamaged: the trail is not what was written.
        """
        if os.getpid() != self._placer.pid:
            raise AuditUnwritable("the audit trail was opened by another process: open it in the one that writes")
        if events:
            self._together.write(events)

    def checkpoint(self) -> None:
        """Sign what there is, unless the last checkpoint covers it already.

        Raises:
            AuditUnwritable: the disk, or that of the second place, refuses.
            AuditDamaged: the trail is not what was written.
        """
        with self._file.turn(), writing(self._file.path):
            self._sign(self._clock())

    def checkpoint_if_due(self) -> None:
        """Sign what there is where the last checkpoint is too old; for a service to call every few seconds.

        Raises:
            AuditUnwritable, AuditDamaged: as in `checkpoint`.
        """
        with self._file.turn(), writing(self._file.path):
            self._sign_if_due(self._clock())

    def change_key(self, actor: str, role: str) -> PublicKey:
        """Sign with a new key from now on; the old one introduces it, and is gone then. Other processes follow.

        Raises:
            AuditUnwritable, AuditDamaged: as in `record`; the old key is still the one.
        """
        key, path, moment = new_key(), self._checkpoints.key, self._clock()
        public = key.public(self._checkpoints.origin)
        event = Event(Action.KEY_CHANGE, EventOutcome.DONE, actor, role, subject=str(public))
        with self._file.turn(), writing(path):
            self._make_sound()
            last = self._file.last()
            self._file.append(self._placer.lines([event], last, moment), last.end)
            self._sign(moment)
            publish(key, path, public.name)
            replace_key(path, key)
            last = self._file.last()
            self._checkpoints.make(last.seq + 1, last.end)
        return public

    def _write_and_flush(self, events: Sequence[Event]) -> None:
        self._file.flushed(self._write(events))
        if any(event.action in _SEALING for event in events):
            self.checkpoint()

    def _write(self, events: Sequence[Event]) -> Written:
        with self._file.turn(), writing(self._file.path):
            moment = self._clock()
            self._make_sound()
            # Before the events: where a checkpoint cannot be made, nothing must be recorded as if it could.
            self._sign_if_due(moment)
            last = self._file.last()
            return self._file.append(self._placer.lines(events, last, moment), last.end)

    def _sign_if_due(self, moment: Moment) -> None:
        unsigned = self._file.last().seq + 1 - self._file.progress.signed
        since = moment.t - self._file.progress.signed_at
        # A clock that was set back makes `since` negative.
        if unsigned >= RECORDS_A_CHECKPOINT or (unsigned and not 0 <= since < TIME_A_CHECKPOINT):
            self._sign(moment)

    def _sign(self, moment: Moment) -> None:
        self._make_sound()
        last = self._file.last()
        if last.seq + 1 == self._file.progress.signed:
            return
        self._file.flushed(Written(last.end, self._file.progress.epoch))
        self._checkpoints.make(last.seq + 1, last.end)
        self._file.progress.signed = last.seq + 1
        self._file.progress.signed_at = moment.t

    def _make_sound(self) -> None:
        if not self._file.is_sound():
            self._file.rescue(self._tell)

    def _begin(self, signing_key: Path) -> SigningKey:
        """Let an empty trail begin with a record that names it, and return the key."""
        with self._file.turn(), writing(self._file.path):
            self._make_sound()
            last = self._file.last()
            if last.end:
                return load_key(signing_key)
            key = make_key(signing_key)
            event = _own(Action.TRAIL_START, subject=f"hashmatch/{secrets.token_hex(8)}")
            written = self._file.append(self._placer.lines([event], last, self._clock()), last.end)
        self._file.flushed(written)
        return key

    def _tell(self, rescued: Rescued, last: Last) -> bytes:
        """Make the record that says what was found at the end of the trail."""
        event = _own(
            Action.RECOVERED,
            subject=rescued.aside.name if rescued.aside else None,
            counts={"bytes_set_aside": rescued.aside_bytes, "records_written_again": rescued.rewritten},
            set_aside=rescued.sha256,
        )
        return self._placer.lines([event], last, self._clock())


def _own(
    action: Action, *, subject: str | None, counts: dict[str, int] | None = None, set_aside: str | None = None
) -> Event:
    """Return an event that the trail itself tells."""
    return Event(
        action, EventOutcome.DONE, "hashmatch", "trail", subject=subject, counts=counts or {}, set_aside=set_aside
    )
