"""How long an answer may be worked on.

One look a second at all that are under way: a timer of its own for every request would cost more than its look-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_TICK: Final = 1.0  # seconds


class Deadlines:
    """Used by one event loop."""

    def __init__(self) -> None:
        self._until: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._looking: asyncio.TimerHandle | None = None

    async def within(self, seconds: float, work: Awaitable[_T]) -> _T:
        """Return what `work` gives.

        Raises:
            TimeoutError: it took more than so many seconds, and up to one more.
        """
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        self._until[task] = loop.time() + seconds
        if self._looking is None:
            self._looking = loop.call_later(_TICK, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task not in self._overdue:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            del self._until[task]
            self._overdue.discard(task)

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, until in self._until.items():
            if until <= now and task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        self._looking = loop.call_later(_TICK, self._look, loop) if self._until else None
