"""What the sessions of nsrlsvr's protocol ask: looked up, counted, and recorded in the audit trail.

A client of this protocol waits for each line's answer before it sends the next, some hundred times a second, so that
an event on the disk for each would be what it waits for. An event therefore comes before a number of digests that a
session may then ask for: as many as there are at first, and more with each event, so that a long session has few.
At its end another event says what was asked and found.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Final

from hashmatch.api.known import replies
from hashmatch.api.known_desk import KnownDesk
from hashmatch.api.metrics import Metrics
from hashmatch.api.nsrl_protocol import Query
from hashmatch.api.pinned import Pinned
from hashmatch.api.recording import Recording
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.errors import HashmatchError

_log: Final = logging.getLogger("hashmatch.nsrlsvr")

_NOBODY: Final = "nobody"
_ROLE: Final = "nsrlsvr"  # stands in the trail where a token's role stands otherwise
_GROWTH: Final = 4
_MOST: Final = 1 << 20  # digests that one event comes before


class Account:
    """What one session may ask after the events so far, and what it has asked, for each snapshot in turn."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._subject = f"nsrlsvr session {secrets.token_hex(4)}"
        self._snapshot: str | None = None
        self._may = 0
        self._last = 0
        self._counts = {"requests": 0, "items": 0, "matches": 0, "no_match": 0}

    def before(self, snapshot: str, items: int) -> list[Event]:
        """Return the events that have to be on the disk before so many digests are answered."""
        events: list[Event] = []
        if snapshot != self._snapshot:
            events += self.after(None)
            self._snapshot, self._may = snapshot, 0
        if items > self._may:
            self._last = self._may = max(items, min(_GROWTH * self._last, _MOST))
            events.append(self._event(EventOutcome.BEGUN, {"items_at_most": self._may}))
        self._may -= items
        return events

    def answered(self, requests: int, items: int, matches: int) -> None:
        """Count what was asked and found."""
        for name, count in zip(self._counts, (requests, items, matches, items - matches), strict=True):
            self._counts[name] += count

    def after(self, error: HashmatchError | None) -> list[Event]:
        """Return the event that says what was asked since the snapshot was first used, if anything was."""
        counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
        if self._snapshot is None:
            return []
        outcome = EventOutcome.DONE if error is None else EventOutcome.FAILED
        return [self._event(outcome, counts, None if error is None else error.code)]

    def _event(self, outcome: EventOutcome, counts: dict[str, int], reason: str | None = None) -> Event:
        return Event(
            Action.LOOK_UP,
            outcome,
            _NOBODY,
            _ROLE,
            subject=self._subject,
            counts=counts,
            snapshot=self._snapshot,
            reason=reason,
            origin=self._origin,
        )


class Asking:
    """What one session asks."""

    def __init__(self, pinned: Pinned, desk: KnownDesk, recording: Recording, metrics: Metrics, origin: str) -> None:
        self._pinned = pinned
        self._desk = desk
        self._recording = recording
        self._metrics = metrics
        self._account = Account(origin)

    async def answer(self, queries: Sequence[Query]) -> list[bytes]:
        """Return the lines that answer queries, in order.

        Raises:
            RequestRefused: no list of known files can answer one of them.
            NoActiveList, StoreError: the store cannot answer.
            AuditUnwritable: that it was asked cannot be recorded.
        """
        items = sum(query.count for query in queries)
        held = await self._pinned.take()
        try:
            events = self._account.before(held.pin.snapshot.snapshot_id, items)
            looking_up = self._desk.ask(held, partial(replies, queries=queries))
            if events:
                _, lines = await asyncio.gather(self._record(events), looking_up)
            else:
                lines = await looking_up
        finally:
            self._pinned.give_back(held)
        self._account.answered(len(queries), items, sum(line.count(b"1") for line in lines))
        self._metrics.looked_up(items)
        return lines

    async def end(self, error: HashmatchError | None) -> None:
        """Record what was asked; `error` is what ended the session."""
        try:
            await self._record(self._account.after(error))
        except HashmatchError as unrecorded:
            _log.error("the end of a session is not recorded", extra={"fields": {"code": unrecorded.code}})

    async def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            await self._recording.record(event)


class Sessions:
    """Begins what each session asks; used by one event loop."""

    def __init__(self, pinned: Pinned, recording: Recording, metrics: Metrics) -> None:
        self._pinned = pinned
        self._desk = KnownDesk(pinned)
        self._recording = recording
        self._metrics = metrics

    def begin(self, origin: str) -> Asking:
        """Begin what a session from this address asks."""
        return Asking(self._pinned, self._desk, self._recording, self._metrics, origin)

    def close(self) -> None:
        """Wait for what is being looked up."""
        self._desk.close()
