"""What was not allowed, for the audit trail."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import Final

from hashmatch.access.tokens import Token
from hashmatch.api.recording import Recording
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.errors import AccessError, AuditError, BudgetSpent

_NOBODY: Final = "nobody"
_EVERY: Final = 1.0  # seconds


class Refusals:
    """Records what was not allowed; used by one event loop.

    What a token is not for is recorded each time. What comes as fast as requests do, from those who have no token or
    have spent its budget, gives each of them one event a second at most, with the number of refusals since the one
    before: else anybody who reaches the port could fill the disk.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._counted: dict[str, _Counted] = {}

    async def record(self, token: Token | None, error: AccessError, route: str, origin: str | None) -> None:
        """Record a refusal, or count it for an event to come.

        Raises:
            AuditUnwritable: it could not be recorded.
        """
        spent = isinstance(error, BudgetSpent)
        event = Event(
            Action.BUDGET_SPENT if spent else Action.REFUSAL,
            EventOutcome.REFUSED,
            token.id if token else _NOBODY,
            token.role if token else _NOBODY,
            subject=route,
            reason=error.code,
            origin=origin,
        )
        if token is not None and not spent:
            await self._recording.record(event)
            return
        counted = self._counted.get(event.actor)
        if counted is None:
            counted = self._counted[event.actor] = _Counted(self._recording)
        await counted.one_more(event)

    async def close(self) -> None:
        """Record what is counted still, as far as the disk takes it."""
        for counted in self._counted.values():
            await counted.close()


class _Counted:
    """The refusals of one actor."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._untold = 0
        self._last = float("-inf")
        self._rest: asyncio.Task[None] | None = None

    async def one_more(self, event: Event) -> None:
        self._untold += 1
        wait = self._last + _EVERY - time.monotonic()
        if wait <= 0:
            await self._tell(event)
        elif self._rest is None:
            self._rest = asyncio.create_task(self._tell_rest(event, wait))

    async def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.wait([self._rest])

    async def _tell_rest(self, event: Event, wait: float) -> None:
        """Tell of those that nobody comes after; of the last of them where and from whom it was."""
        try:
            await asyncio.sleep(wait)
        finally:
            self._rest = None
            with suppress(AuditError):  # they stay counted
                await self._tell(event)

    async def _tell(self, event: Event) -> None:
        count, self._untold = self._untold, 0
        if not count:
            return
        self._last = time.monotonic()
        try:
            await self._recording.record(replace(event, counts={"requests": count}))
        except AuditError:
            self._untold += count
            raise
