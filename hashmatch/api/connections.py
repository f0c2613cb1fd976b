"""Connections as they come in: how many, how long they may be silent, and what is said to those that do not speak HTTP.

Settings follow what was reproduced with aiohttp 3.14: its keep-alive time, an hour by default, is the only guard
against clients that send nothing or half a header; nothing guards against clients that do not read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from hashmatch.api.metrics import Metrics
from hashmatch.api.problems import problem
from hashmatch.api.settings import BACKLOG, Limits
from hashmatch.errors import HashmatchError

_log: Final = logging.getLogger("hashmatch.api")

_READ_BUFFER: Final = 256 << 10  # bytes; fewer turns of the event loop for a stream than by the default 64 KiB
_TICK: Final = 1.0  # seconds between looks at what is not being read
_CLOSE_SECONDS: Final = 2.0  # for what has not ended in the time that it was given


class _Connection(RequestHandler):
    """aiohttp's connection, but errors of the protocol answer with problem details and are logged without their text.

    The text of such an error repeats what the client sent, and a client sends digests.
    """

    __slots__ = ("opening",)

    opening: dict[asyncio.Protocol, float]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.opening.pop(self, None)
        super().connection_made(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - what is not repeated
    ) -> web.StreamResponse:
        fields = {"status": status, "peer": request.remote, "exception": type(exc).__name__}
        _log.info("no request", extra={"fields": fields})
        if request.writer.output_size:
            raise ConnectionError("the answer has begun and cannot become another")
        known = HTTPStatus(status)
        code = "request.http" if known < HTTPStatus.INTERNAL_SERVER_ERROR else "error"
        response = problem(known, code, known.phrase)
        response.force_close()
        return response

    def log_exception(self, *_: object, **about: object) -> None:
        exception = about.get("exc_info")
        fields = {"exception": type(exception).__name__} if isinstance(exception, BaseException) else {}
        _log.warning("a connection failed", extra={"fields": fields})


class _Refused(asyncio.Protocol):
    """Closes a connection that is one too many. A connection with TLS would shake hands first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@dataclass(slots=True)
class _Unread:
    octets: int
    since: float


class Connections:
    """The connections of one application in one event loop."""

    def __init__(self, application: web.Application, limits: Limits, metrics: Metrics) -> None:
        """Prepare to listen.

        Raises:
            HashmatchError: aiohttp has only its parser in Python, which has had most of the known ways to smuggle a
                request past a proxy.
        """
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise HashmatchError("aiohttp: expected its parser in C, got the one in Python")
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
        self._limits = limits
        self._metrics = metrics
        self._unread: dict[RequestHandler, _Unread] = {}
        self._opening: dict[asyncio.Protocol, float] = {}  # those whose handshake is under way, and since when
        self._listening: list[asyncio.Server] = []
        self._watch: asyncio.Task[None] | None = None

    @property
    def _full(self) -> bool:
        server = self._runner.server
        assert server is not None
        return len(server.connections) + len(self._opening) >= self._limits.connections

    async def listen(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept connections of a socket that is bound and listens."""
        loop = asyncio.get_running_loop()
        if self._watch is None:
            await self._runner.setup()
            self._watch = loop.create_task(self._close_unread())
        server = await loop.create_server(
            self._connection_with_tls if tls else self._connection,
            sock=listening,
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake_seconds if tls else None,
            ssl_shutdown_timeout=_CLOSE_SECONDS if tls else None,
            backlog=BACKLOG,
        )
        self._listening.append(server)

    def stop_listening(self) -> None:
        """Accept no more connections; those that are open stay open."""
        for server in self._listening:
            server.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._watch is not None:
            self._watch.cancel()
        await self._runner.cleanup()

    def _connection_with_tls(self) -> asyncio.Protocol:
        if self._full:
            # asyncio lets go of a socket that has no protocol, before it has taken memory for a handshake.
            raise ConnectionRefusedError
        connection = self._connection()
        self._opening[connection] = asyncio.get_running_loop().time()
        return connection

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if self._full:
            return _Refused()
        connection = _Connection(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=1.0,
            access_log=None,  # type: ignore[arg-type]
            read_bufsize=_READ_BUFFER,
            auto_decompress=False,
            logger=_log,
        )
        connection.opening = self._opening
        return connection

    async def _close_unread(self) -> None:
        """Close the connections whose clients do not take their answers."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK)
            server = self._runner.server
            connections = [] if server is None else server.connections
            self._metrics.connected(len(connections))
            self._unread = {c: unread for c, unread in self._unread.items() if c.transport is not None}
            # Of a handshake that failed asyncio tells nobody; none is under way for longer.
            since = loop.time() - self._limits.handshake_seconds
            for late in [connection for connection, begun in self._opening.items() if begun < since]:
                del self._opening[late]
            for connection in connections:
                self._look_at(connection, loop.time())

    def _look_at(self, connection: RequestHandler, now: float) -> None:
        transport = connection.transport
        if transport is None or transport.is_closing():
            return
        octets = _unsent(transport)
        unread = self._unread.get(connection)
        if not octets:
            self._unread.pop(connection, None)
        elif unread is None or unread.octets - octets >= self._limits.pace * _TICK:
            self._unread[connection] = _Unread(octets, now)
        else:
            unread.octets = max(unread.octets, octets)
            if now - unread.since >= self._limits.stall_seconds:
                transport.abort()


def _unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes wait for the client to take them.

    With TLS they wait, encrypted, with the transport beneath, to which asyncio gives no other way.
    """
    protocol = getattr(transport, "_ssl_protocol", None)
    beneath = getattr(protocol, "_transport", None)
    return transport.get_write_buffer_size() + (0 if beneath is None else beneath.get_write_buffer_size())
