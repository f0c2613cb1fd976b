"""The audit trail, to record events in: durable when `record` returns, or an error.

Threads that record at the same time are written together by one of them; processes wait for each other's flushes
(`trailfile.py`).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.custody.places import make_directory, writing
from hashmatch.custody.record import FORMAT, Record, chained, encode
from hashmatch.custody.trailfile import Last, Rescued, Written, open_trail_file
from hashmatch.errors import AuditError, AuditUnwritable

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Moment(NamedTuple):
    """Microseconds since 1970 as the machine's clock has it, and since the machine started, as nobody can set it."""

    t: int
    mono: int


def now() -> Moment:
    """Read both clocks."""
    return Moment(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


class _Batch:
    """Events of several threads that are written together; who comes first writes them for all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.settled = False
        self.error: AuditError | None = None


class Trail:
    """One process's hand on the trail of a store. Threads may share it; after a fork, open another."""

    def __init__(self, directory: Path, *, clock: Callable[[], Moment] = now) -> None:
        """Open the trail in a directory; both are made where they are missing.

        Raises:
            AuditUnwritable: no permission, or no space.
            AuditDamaged: the end of the trail is not what was written there.
        """
        self._clock = clock
        self._host = os.uname().nodename
        self._boot = _BOOT_ID.read_text().strip()
        self._pid = os.getpid()
        with writing(directory):
            make_directory(directory)
        self._file = open_trail_file(directory)
        self._gathering, self._turn = threading.Lock(), threading.Lock()
        self._batch = _Batch()
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End this process's use of the trail."""
        self._file.close()

    def record(self, *events: Event) -> None:
        """Write events, in their order and next to each other, and return when they are on the disk.

        Raises:
            AuditUnwritable: they may not be. Whatever they were to allow must not be done or answered. Once the disk
                takes writes again, so does this.
            AuditDamaged: the trail is not what was written.
        """
        if os.getpid() != self._pid:
            raise AuditUnwritable("the audit trail was opened by another process: open it in the one that writes")
        with self._gathering:
            batch = self._batch
            batch.events += events
        with self._turn:
            if not batch.settled:
                with self._gathering:
                    self._batch = _Batch()
                self._settle(batch)
        if batch.error is not None:
            # Each thread raises an error of its own, as each adds its own traceback.
            raise type(batch.error)(str(batch.error)) from batch.error

    def _settle(self, batch: _Batch) -> None:
        batch.error = AuditUnwritable("interrupted while the events were written")
        batch.settled = True
        try:
            self._file.flushed(self._write(batch.events))
        except AuditError as error:
            batch.error = error
        else:
            batch.error = None

    def _write(self, events: list[Event]) -> Written:
        with self._file.turn(), writing(self._file.path):
            if not self._file.is_sound():
                self._file.rescue(self._tell)
            last = self._file.last()
            return self._file.append(self._lines(events, last), last.end)

    def _begin(self) -> None:
        """Let an empty trail begin with a record that names it."""
        with self._file.turn(), writing(self._file.path):
            if not self._file.is_sound():
                self._file.rescue(self._tell)
            last = self._file.last()
            if last.end:
                return
            name = f"hashmatch/{secrets.token_hex(8)}"
            written = self._file.append(self._lines([_own(Action.TRAIL_START, subject=name)], last), last.end)
        self._file.flushed(written)

    def _tell(self, rescued: Rescued, last: Last) -> bytes:
        """Make the record that says what was found at the end of the trail."""
        event = _own(
            Action.RECOVERED,
            subject=rescued.aside.name if rescued.aside else None,
            counts={"bytes_set_aside": rescued.aside_bytes, "records_written_again": rescued.rewritten},
            set_aside=rescued.sha256,
        )
        return self._lines([event], last)

    def _lines(self, events: list[Event], last: Last) -> bytes:
        moment, lines, chain = self._clock(), [], last.chain
        for seq, event in enumerate(events, last.seq + 1):
            line = encode(self._placed(event, seq, chain, moment))
            chain = chained(line)
            lines += [line, b"\n"]
        return b"".join(lines)

    def _placed(self, event: Event, seq: int, chain: str, moment: Moment) -> Record:
        return Record(
            v=FORMAT,
            seq=seq,
            prev=chain,
            t=moment.t,
            mono=moment.mono,
            boot=self._boot,
            host=self._host,
            pid=self._pid,
            action=event.action,
            outcome=event.outcome,
            actor=event.actor,
            role=event.role,
            case=event.case,
            subject=event.subject,
            counts=dict(event.counts),
            snapshot=event.snapshot,
            result_digest=event.result_digest,
            run=event.run,
            reason=event.reason,
            origin=event.origin,
            set_aside=event.set_aside,
        )


def _own(
    action: Action, *, subject: str | None, counts: dict[str, int] | None = None, set_aside: str | None = None
) -> Event:
    """Return an event that the trail itself tells."""
    return Event(
        action, EventOutcome.DONE, "hashmatch", "trail", subject=subject, counts=counts or {}, set_aside=set_aside
    )
