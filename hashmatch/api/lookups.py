"""`POST /v1/lookups`: digests or records in, one result for each, in order."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api import schemas
from hashmatch.api.asking import LookUp
from hashmatch.api.bodies import JSON, OCTETS, check_type, whole
from hashmatch.api.questions import algorithm_named, from_json, from_octets
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.custody.events import check_text
from hashmatch.errors import UsageError

ALGORITHM_HEADER: Final = "Hashmatch-Algorithm"
CASE_HEADER: Final = "Hashmatch-Case"

CASE_PARAMETER: Final = Parameter(
    CASE_HEADER, "header", schemas.CASE, "The case that this is done for, where the body does not say it."
)


async def look_up(call: Call) -> web.Response:
    """Answer a look-up."""
    request, service = call.request, call.service
    kind = check_type(request, JSON, OCTETS)
    body = await whole(request, service.settings.limits)
    case = case_in(request)
    read = partial(from_json, body, case)
    if kind == OCTETS or ALGORITHM_HEADER in request.headers:
        algorithm = algorithm_named(request.headers.get(ALGORITHM_HEADER, ""))
        if kind == OCTETS:
            read = partial(from_octets, body, algorithm, case)
    held = await service.pinned.take()
    try:
        asked = LookUp(call.caller, held.pin, read, len(body), request.remote)
        answer = await service.desk.answer(asked, service.pinned.kept(held))
    finally:
        service.pinned.give_back(held)
    return web.Response(body=answer, content_type=JSON)


def case_in(request: web.Request) -> str | None:
    """Return the case that a header names.

    Raises:
        UsageError: there are several, or it cannot stand in the audit trail.
    """
    cases = request.headers.getall(CASE_HEADER, [])
    if len(cases) > 1:
        raise UsageError(f"{CASE_HEADER}: expected one case")
    case = cases[0] if cases else None
    check_text("case", case)
    return case


ROUTES: Final = (
    Route(
        "POST",
        "/v1/lookups",
        look_up,
        Permission.LOOK_UP,
        "Which of these digests, or files known by several digests, are on the active lists.",
        answers={200: {JSON: schemas.RESULTS}},
        bodies={JSON: schemas.LOOK_UP, OCTETS: schemas.RAW_DIGESTS},
        parameters=(
            Parameter(
                ALGORITHM_HEADER, "header", schemas.ALGORITHM, "Of raw digests: which they are. Required with them."
            ),
            CASE_PARAMETER,
        ),
    ),
)
