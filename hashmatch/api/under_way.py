"""Which requests are being answered, so that a service that stops can wait for them.

aiohttp's own way of closing does not do: it lets what is being answered end, but takes no more of a body that is still
coming in.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType

from hashmatch.api.problems import RequestRefused


class UnderWay:
    """Counts requests, each in a block of its own; used by one event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._stopping = False
        self._none = asyncio.Event()

    def __enter__(self) -> None:
        """Begin a request.

        Raises:
            RequestRefused: the service is stopping.
        """
        if self._stopping:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "service.stopping", "the service is stopping")
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._count -= 1
        if self._stopping and not self._count:
            self._none.set()

    @property
    def stopping(self) -> bool:
        return self._stopping

    async def finish(self, seconds: float) -> None:
        """Begin no more, and wait for those that were begun; for so many seconds at most."""
        self._stopping = True
        if self._count:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none.wait()
