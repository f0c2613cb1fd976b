"""What the routes work with: one of each, for the life of a worker process."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.access.budgets import Budgets
from hashmatch.access.tokens import TokenStore
from hashmatch.api.deadlines import Deadlines
from hashmatch.api.desk import Desk
from hashmatch.api.hashing import Hashing
from hashmatch.api.known_desk import KnownDesk
from hashmatch.api.metrics import Metrics
from hashmatch.api.pinned import Pinned
from hashmatch.api.recording import Recording
from hashmatch.api.refusals import Refusals
from hashmatch.api.runs import RunPlaces
from hashmatch.api.settings import ServiceSettings
from hashmatch.api.under_way import UnderWay


@dataclass(frozen=True, slots=True)
class Service:
    """Used by one event loop."""

    settings: ServiceSettings
    pinned: Pinned
    desk: Desk
    known: KnownDesk
    recording: Recording
    refusals: Refusals
    hashing: Hashing
    tokens: TokenStore
    budgets: Budgets
    metrics: Metrics
    openapi: bytes
    deadlines: Deadlines
    under_way: UnderWay
    runs: RunPlaces

    async def close(self) -> None:
        """Wait for what is under way, then close the store."""
        self.deadlines.close()
        self.desk.close()
        self.known.close()
        self.hashing.close()
        await self.refusals.close()
        self.recording.close()
        await self.pinned.close()
