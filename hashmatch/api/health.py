"""`/healthz`, `/readyz`, `/metrics` and `/openapi.json`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api import schemas
from hashmatch.api.bodies import JSON
from hashmatch.api.metrics import MEDIA_TYPE
from hashmatch.api.routes import Call, Route
from hashmatch.errors import HashmatchError


async def healthz(_: Call) -> web.Response:
    """Say that the process takes requests."""
    return web.json_response({"status": "ok"})


async def readyz(call: Call) -> web.Response:
    """Say whether look-ups are answered: a snapshot is open and its canaries are found."""
    service = call.service
    try:
        await service.pinned.check()
        held = await service.pinned.take()
    except HashmatchError:
        service.metrics.ready(ready=False)
        raise
    unsigned = sum(pinned.signature == "unsigned" for pinned in held.pin.snapshot.lists)
    service.pinned.give_back(held)
    service.metrics.ready(ready=True)
    warnings = [f"{unsigned} active lists are unsigned"] if unsigned else []
    return web.json_response({"status": "ready", "warnings": warnings})


async def metrics(call: Call) -> web.Response:
    """Give the figures of all processes of the service."""
    return web.Response(body=call.service.metrics.exposition(), headers={"Content-Type": MEDIA_TYPE})


async def openapi(call: Call) -> web.Response:
    """Give the description of all routes."""
    return web.Response(body=call.service.openapi, content_type=JSON)


_STATUS: Final = {"type": "string", "enum": ["ok", "ready"]}

ROUTES: Final = (
    Route(
        "GET",
        "/healthz",
        healthz,
        None,
        "Whether the process takes requests.",
        answers={200: {JSON: schemas.members({"status": _STATUS})}},
    ),
    Route(
        "GET",
        "/readyz",
        readyz,
        None,
        "Whether look-ups are answered: 503 until a verified snapshot is open.",
        answers={200: {JSON: schemas.members({"status": _STATUS, "warnings": schemas.array(schemas.TEXT)})}},
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        Permission.SEE_METRICS,
        "Figures for Prometheus.",
        answers={200: {"text/plain": schemas.TEXT}},
    ),
    Route(
        "GET",
        "/openapi.json",
        openapi,
        None,
        "This description.",
        answers={200: {JSON: {"type": "object"}}},
    ),
)
