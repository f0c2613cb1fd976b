"""nsrlsvr's protocol on sockets: for nsrllookup and whatever else speaks it, unchanged.

The protocol has no place for a token, so that whoever reaches the port may ask. It is therefore for this machine alone,
and asks lists of known files alone. What cannot be answered ends the session without an answer, as a malformed digest
does: there is no word for an error in the protocol, and a `0` would say that a file is not known.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from hashmatch.api.nsrl_protocol import Query, Reply, Session, Step
from hashmatch.api.settings import Limits
from hashmatch.errors import HashmatchError, UsageError

_log: Final = logging.getLogger("hashmatch.nsrlsvr")

Answering = Callable[[Sequence[Query]], Awaitable[Sequence[bytes]]]

_READ: Final = 64 << 10  # bytes; holds three lines of nsrllookup's
# A tool that hashes as it goes holds its connection while it reads a file of many gigabytes.
_IDLE_SECONDS: Final = 600.0


def check_loopback(host: str) -> None:
    """Refuse an address that other machines may reach.

    Raises:
        UsageError: it is not one of the loopback range, written in numbers or as `localhost`.
    """
    with suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise UsageError("nsrlsvr's protocol: expected a loopback address, as the protocol has no place for a token")


class Nsrlsvr:
    """The sessions of one event loop."""

    def __init__(self, answer: Answering, limits: Limits) -> None:
        """Begin without a socket.

        Args:
            answer: gives the line that answers each query, in order; raises HashmatchError where it cannot.
            limits: `connections`, and `stall_seconds` for what a client has begun to send or does not take.
        """
        self._answer = answer
        self._limits = limits
        self._listening: list[asyncio.Server] = []
        self._sessions: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()  # sessions in which the client is to speak
        self._closing = False

    async def listen(self, listening: socket.socket) -> None:
        """Accept connections of a socket that is bound and listens."""
        self._listening.append(await asyncio.start_server(self._session, sock=listening, limit=_READ))

    async def close(self, seconds: float) -> None:
        """Accept no more, finish what is being answered for so many seconds, then close."""
        self._closing = True
        for server in self._listening:
            server.close()
        for task in self._waiting:
            task.cancel()
        if self._sessions:
            _, late = await asyncio.wait(self._sessions, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._closing or len(self._sessions) >= self._limits.connections:
            writer.transport.abort()
            return
        self._sessions.add(task)
        try:
            await self._serve(task, reader, writer)
        except HashmatchError as error:
            _log.warning("a session ended without an answer", extra={"fields": {"code": error.code}})
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # a client that went away or was too slow, or this service is stopping: nothing is left to be said
        finally:
            self._sessions.discard(task)
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # what is left is for a client that does not take it
            else:
                writer.close()

    async def _serve(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session = Session()
        writer.transport.set_write_buffer_limits(0)
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not (session.ended or self._closing):
            patience = self._limits.stall_seconds if session.within_a_line else _IDLE_SECONDS
            self._waiting.add(task)
            try:
                async with asyncio.timeout_at(since + patience):
                    octets = await reader.read(_READ)
            finally:
                self._waiting.discard(task)
            steps = session.take(octets) if octets else session.end()
            if steps:
                await self._say(await self._replies(steps), writer)
            if steps or not session.within_a_line:
                since = loop.time()

    async def _replies(self, steps: Sequence[Step]) -> bytes:
        queries = [step for step in steps if isinstance(step, Query)]
        lines = iter(await self._answer(queries) if queries else ())
        return b"".join([step.octets if isinstance(step, Reply) else next(lines) for step in steps])

    async def _say(self, octets: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        if writer.transport.get_write_buffer_size():
            async with asyncio.timeout(self._limits.stall_seconds):
                await writer.drain()
