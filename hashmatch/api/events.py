"""`/v1/scans/{id}/events`: server-sent events, from what is stored.

So a client that comes back, to whichever process of the service, gets what it missed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import orjson
from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api.problems import RequestRefused
from hashmatch.api.results import record_reading
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.api.runs import ID_PARAMETER, in_thread, seen_scan
from hashmatch.api.serving import authenticated
from hashmatch.errors import HashmatchError
from hashmatch.runs import files
from hashmatch.runs.endings import END, end_of
from hashmatch.runs.events import Event, EventReader
from hashmatch.runs.record import UNDER_WAY, Run

LAST_EVENT_ID: Final = "Last-Event-ID"
MEDIA_TYPE: Final = "text/event-stream"

_AT_ONCE: Final = 500  # events read together
_POLL: Final = 0.25  # seconds; an event is no older than that when it is sent
_PING_EVERY: Final = 60  # polls without an event
_GRACE: Final = 8  # polls; the supervisor writes the end of a run that soon after its state
_HEADERS: Final = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LONGEST_ID: Final = 19  # digits; such a number fits in 63 bits


async def scan_events(call: Call) -> web.StreamResponse:
    """Send what happened in a scan behind an event, then what happens, to its end."""
    after = _last_seen(call.request)
    run = await seen_scan(call)
    reader = EventReader(call.service.runs.register.directory(run.id) / files.EVENTS, after)
    events = await in_thread(reader.read, _AT_ONCE)
    if after and not events and run.state not in UNDER_WAY:
        # A client that has all of it would otherwise come back again and again: 204 tells it not to.
        return web.Response(status=HTTPStatus.NO_CONTENT)
    await record_reading(call, run, "events")
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(call.request)
    with suppress(ConnectionError):  # the client has gone
        await response.write(b"retry: 2000\n\n")
        async for octets in _following(call, run, reader, events):
            await response.write(octets)
        await response.write_eof()
    return response


async def _following(call: Call, run: Run, reader: EventReader, events: list[Event]) -> AsyncIterator[bytes]:
    """Yield these events, then those that come, to the end of the run, of the service, or of the token."""
    directory = call.service.runs.register.directory(run.id)
    quiet, ended, seen = 0, False, None
    try:
        while not call.service.under_way.stopping:
            authenticated(call.service, call.request)  # a token that was revoked sees no more
            if events:
                quiet, ended = 0, events[-1].event == END
                yield b"".join(map(_written, events))
            elif quiet % _PING_EVERY == _PING_EVERY - 1:
                yield b": ping\n\n"
            mark = _mark(directory)
            if events or mark != seen:
                # In this order: what was written before the state became final is among what is read after it.
                run, seen = await seen_scan(call), mark
                events = await in_thread(reader.read, _AT_ONCE)
            if events:
                continue
            if run.state not in UNDER_WAY and (ended or quiet >= _GRACE):
                if not ended:
                    yield _written_end(run)
                return
            quiet += 1
            await asyncio.sleep(_POLL)
    except HashmatchError as error:
        yield b"event: error\ndata: %b\n\n" % orjson.dumps({"code": error.code})


def _mark(directory: Path) -> tuple[int, ...]:
    """Return what is another where there are more events, or the run has another state.

    Hundreds of clients may wait for a scan of hours; what this looks at costs each of them microseconds.
    """
    mark: tuple[int, ...] = ()
    for name in (files.EVENTS, files.STATE):
        with suppress(FileNotFoundError):
            status = os.stat(f"{directory}/{name}")
            mark += (status.st_ino, status.st_size, status.st_ctime_ns)
    return mark


def _written(event: Event) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.event.encode(), bytes(event.data))


def _written_end(run: Run) -> bytes:
    """Return the last event of a run whose supervisor died between writing its state and writing its event."""
    return b"event: %b\ndata: %b\n\n" % (END.encode(), orjson.dumps(end_of(run)))


def _last_seen(request: web.Request) -> int:
    text = request.headers.get(LAST_EVENT_ID, "0").strip()
    if not (text.isascii() and text.isdigit() and len(text) < _LONGEST_ID):
        detail = f"{LAST_EVENT_ID}: expected the id of an event of this stream"
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "request.last_event_id", detail)
    return int(text)


ROUTES: Final = (
    Route(
        "GET",
        "/v1/scans/{id}/events",
        scan_events,
        Permission.SEE_SCANS,
        "What happens in a scan, as server-sent events: progress, flags as they appear, the end.",
        answers={200: {MEDIA_TYPE: {}}, 204: {}},
        parameters=(
            ID_PARAMETER,
            Parameter(
                LAST_EVENT_ID, "header", {"type": "string", "pattern": "^[0-9]{1,18}$"}, "Go on behind this one."
            ),
        ),
        takes_long=True,
    ),
)
