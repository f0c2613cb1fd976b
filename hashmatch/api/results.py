"""What a scan found: its report, its flags, what could not be examined; as it lies in the run's directory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

import orjson
from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api import schemas
from hashmatch.api.accept import preferred
from hashmatch.api.bodies import JSON
from hashmatch.api.problems import RequestRefused
from hashmatch.api.routes import Call, Route
from hashmatch.api.runs import ID_PARAMETER, in_thread, seen_scan
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.errors import RunNotPossible
from hashmatch.reports import flags, flags_csv, not_examined, summary
from hashmatch.runs import files
from hashmatch.runs.record import UNDER_WAY, Run

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"

_BLOCK: Final = 256 << 10
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def see_report(call: Call) -> web.StreamResponse:
    """Give `report.json`."""
    run, directory = await _with_report(call)
    content = await in_thread((directory / summary.NAME).read_bytes)
    await record_reading(call, run, "report")
    return web.Response(body=content, content_type=JSON, headers=_NO_STORE)


async def see_flags(call: Call) -> web.StreamResponse:
    """Give the flags, as NDJSON or as CSV."""
    kind = preferred(call.request.headers.getall("Accept", []), (NDJSON, CSV))
    run, directory = await _with_report(call)
    await record_reading(call, run, "flags")
    if kind == CSV:
        return await _sent(call, directory / flags_csv.NAME, f"{CSV}; charset=utf-8; header=present", closed=False)
    return await _sent(call, directory / flags.NAME, NDJSON, closed=True)


async def see_not_examined(call: Call) -> web.StreamResponse:
    """Give what could not be examined, as NDJSON."""
    preferred(call.request.headers.getall("Accept", []), (NDJSON,))
    run, directory = await _with_report(call)
    await record_reading(call, run, "not_examined")
    return await _sent(call, directory / not_examined.NAME, NDJSON, closed=True)


async def record_reading(call: Call, run: Run, what: str) -> None:
    """Record that somebody is about to see results of a scan.

    Raises:
        AuditUnwritable: it is not recorded, so nothing may be shown.
    """
    await call.service.recording.record(
        Event(
            Action.RESULTS_SEEN,
            EventOutcome.DONE,
            call.caller.id,
            call.caller.role,
            case=run.case,
            subject=what,
            run=run.id,
            origin=call.request.remote,
        )
    )


async def _with_report(call: Call) -> tuple[Run, Path]:
    """Return the scan that the path names, and the directory with its report.

    Raises:
        RunNotFound: there is no such scan.
        RunNotPossible: it is under way. What an earlier attempt may have left is not its report.
        RequestRefused: it has ended without a report.
    """
    run = await seen_scan(call)
    if run.state in UNDER_WAY:
        raise RunNotPossible(f"there is no report yet: the scan is {run.state}")
    directory = call.service.runs.register.directory(run.id) / files.REPORT
    if not (directory / summary.NAME).exists():
        raise RequestRefused(HTTPStatus.NOT_FOUND, "run.no_report", f"there is no report: the scan is {run.state}")
    return run, directory


async def _sent(call: Call, path: Path, media_type: str, *, closed: bool) -> web.StreamResponse:
    """Send a file of the report; NDJSON is closed by a line that tells whether all of it has arrived."""
    file = await in_thread(path.open, "rb")
    with file:
        response = web.StreamResponse(headers={"Content-Type": media_type, **_NO_STORE})
        if not closed:
            response.content_length = path.stat().st_size
        await response.prepare(call.request)
        with suppress(ConnectionError):  # the client has gone
            async for octets in _blocks(file, closed=closed):
                await response.write(octets)
            await response.write_eof()
    return response


async def _blocks(file: BinaryIO, *, closed: bool) -> AsyncIterator[bytes]:
    digest, lines = hashlib.sha256(), 0
    while octets := await in_thread(file.read, _BLOCK):
        if closed:
            digest.update(octets)
            lines += octets.count(b"\n")
        yield octets
    if closed:
        yield orjson.dumps({"type": "end", "count": lines, "sha256": digest.hexdigest()}) + b"\n"


ROUTES: Final = (
    Route(
        "GET",
        "/v1/scans/{id}/report",
        see_report,
        Permission.SEE_SCANS,
        "The report of a scan: circumstances, lists, counts, limits, result digest.",
        answers={200: {JSON: {"type": "object"}}},
        parameters=(ID_PARAMETER,),
    ),
    Route(
        "GET",
        "/v1/scans/{id}/flags",
        see_flags,
        Permission.SEE_SCANS,
        "The files that agree with a list. NDJSON ends with a line of the count and SHA-256 of those before it.",
        answers={200: {NDJSON: schemas.TEXT, CSV: schemas.TEXT}},
        parameters=(ID_PARAMETER,),
        takes_long=True,
    ),
    Route(
        "GET",
        "/v1/scans/{id}/not-examined",
        see_not_examined,
        Permission.SEE_SCANS,
        "What could not be examined, and why. Ends with a line of the count and SHA-256 of those before it.",
        answers={200: {NDJSON: schemas.TEXT}},
        parameters=(ID_PARAMETER,),
        takes_long=True,
    ),
)
