"""nsrlsvr's protocol on sockets: for nsrllookup and whatever else speaks it, unchanged.

The protocol has no place for a token, so that whoever reaches the port may ask. It is therefore open to this machine
alone, and asks lists of known files alone. What cannot be answered ends the session without an answer, as a malformed
digest does: there is no word for an error in the protocol, and a `0` would say that a file is not known.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Final

from hashmatch.api.nsrl_protocol import Query, Reply, Session, Step
from hashmatch.api.nsrl_sessions import Asking, Sessions
from hashmatch.api.settings import Limits
from hashmatch.errors import HashmatchError

_log: Final = logging.getLogger("hashmatch.nsrlsvr")

_READ: Final = 64 << 10  # bytes; holds three lines of nsrllookup's
# A tool that hashes as it goes holds its connection while it reads a file of many gigabytes.
_IDLE_SECONDS: Final = 600.0


class Nsrlsvr:
    """The sessions of one event loop."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        """Begin without a socket.

        Args:
            sessions: answers; closed with this.
            limits: `connections`, and `stall_seconds` for what a client has begun to send or does not take.
        """
        self._asked = sessions
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
        self._asked.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        assert task is not None
        if self._closing or peer is None or len(self._sessions) >= self._limits.connections:
            writer.transport.abort()
            return
        self._sessions.add(task)
        try:
            await self._asking(self._asked.begin(peer[0]), reader, writer)
        finally:
            self._sessions.discard(task)

    async def _asking(self, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reason: HashmatchError | None = None
        try:
            await self._serve(asking, reader, writer)
        except HashmatchError as error:
            reason = error
            _log.warning("a session ended without an answer", extra={"fields": {"code": error.code}})
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # a client that went away or was too slow, or this service is stopping: nothing is left to be said
        except Exception as error:  # noqa: BLE001 - one session must not take the others with it
            _log.error("a session failed", exc_info=error)
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # what is left is for a client that does not take it
            else:
                writer.close()
        await asking.end(reason)

    async def _serve(self, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session()
        writer.transport.set_write_buffer_limits(0)
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not (session.ended or self._closing):
            patience = self._limits.stall_seconds if session.within_a_line else _IDLE_SECONDS
            octets = await self._read(reader, since + patience)
            steps = session.take(octets) if octets else session.end()
            if steps:
                await self._say(await _said(steps, asking), writer)
            if steps or not session.within_a_line:
                since = loop.time()

    async def _read(self, reader: asyncio.StreamReader, until: float) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            async with asyncio.timeout_at(until):
                return await reader.read(_READ)
        finally:
            self._waiting.discard(task)

    async def _say(self, octets: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        if writer.transport.get_write_buffer_size():
            async with asyncio.timeout(self._limits.stall_seconds):
                await writer.drain()


async def _said(steps: Sequence[Step], asking: Asking) -> bytes:
    """Return all that is to be sent for some steps; their queries are answered together."""
    queries = [step for step in steps if isinstance(step, Query)]
    lines = iter(await asking.answer(queries) if queries else ())
    return b"".join([step.octets if isinstance(step, Reply) else next(lines) for step in steps])
