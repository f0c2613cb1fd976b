"""`/v1/scans`: start, list, see, cancel, resume."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
import orjson
from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api import idempotency, schemas
from hashmatch.api.asking import case_of
from hashmatch.api.bodies import JSON, check_type, decoded, whole
from hashmatch.api.problems import RequestRefused
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.api.runs import ID_PARAMETER, RUN_ID, described, document, in_thread, run_schema, seen_scan
from hashmatch.custody.events import check_text
from hashmatch.digests import Algorithm
from hashmatch.errors import RunNotFound
from hashmatch.evidence.likely import Likely
from hashmatch.runs.record import Kind, Run, ScanAsked, ScanOptions, State
from hashmatch.runs.roots import source_beneath

_MOST_WORKERS: Final = 64
_MOST_PATTERNS: Final = 100
_LONGEST_PATTERN: Final = 256
_LARGEST: Final = (1 << 63) - 1
_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
_DECODER: Final = msgspec.json.Decoder(ScanOptions)


async def start_scan(call: Call) -> web.Response:
    """Take a scan in; it starts when there is room."""
    check_type(call.request, JSON)
    body = await whole(call.request, call.service.settings.limits)
    options = decoded(_DECODER, body)
    async with idempotency.once(call) as once:
        asked = await in_thread(_checked, call, options)
        request = idempotency.fingerprint(call.request, hashlib.sha256(body).digest())
        run_id, answer = await in_thread(once.begin, request)
        if answer is not None:
            return answer
        run = await in_thread(
            call.service.runs.register.create,
            asked,
            owner=call.caller.id,
            role=call.caller.role,
            origin=call.request.remote,
            now=datetime.now(UTC),
            run_id=run_id,
        )
        return await in_thread(once.answered, run, HTTPStatus.ACCEPTED)


async def list_scans(call: Call) -> web.Response:
    """List the scans that this token may see, the newest first."""
    query = call.request.query
    limit = _number(query.get("limit"))
    runs = await in_thread(call.service.runs.register.all)
    seen = [run for run in runs if run.kind is Kind.SCAN and call.caller.may_see(run.owner, run.case)]
    if "case" in query:
        seen = [run for run in seen if run.case == query["case"]]
    if "state" in query:
        _check_state(query["state"])
        seen = [run for run in seen if run.state == query["state"]]
    page = _behind(seen, query.get("after"))[: limit + 1]
    more = page[limit - 1].id if len(page) > limit else None
    said = {"scans": [document(run) for run in page[:limit]], "next": more}
    return web.Response(body=orjson.dumps(said), content_type=JSON)


async def see_scan(call: Call) -> web.Response:
    """Say how far a scan is."""
    return described(await seen_scan(call))


async def cancel_scan(call: Call) -> web.Response:
    """Ask that a scan end."""
    run = await seen_scan(call)
    return described(await in_thread(call.service.runs.register.cancel, run.id), HTTPStatus.ACCEPTED)


async def resume_scan(call: Call) -> web.Response:
    """Ask that a scan that stopped early be taken up again."""
    run = await seen_scan(call)
    return described(await in_thread(call.service.runs.register.resume, run.id), HTTPStatus.ACCEPTED)


def _checked(call: Call, options: ScanOptions) -> ScanAsked:
    """Return what is asked, for the one case it may be for.

    Raises:
        NotAllowed: the token is not for that case.
        UsageError, RequestRefused: it cannot be meant so.
        SourceOutside: the source is not beneath an evidence root.
    """
    for name in ("case", "exhibit", "examiner", "legal_authority", "allow_writable"):
        check_text(name, getattr(options, name))
    _check_numbers(options)
    if options.digests is not None:
        _check_digests(options.digests)
    Likely(options.first)
    source_beneath(options.source, call.service.settings.evidence_roots)
    asked = msgspec.structs.asdict(options) | {"case": case_of(call.caller, options.case)}
    return ScanAsked(**asked)


def _check_numbers(options: ScanOptions) -> None:
    if options.workers is not None and not 1 <= options.workers <= _MOST_WORKERS:
        raise _refused(f"workers: expected 1 to {_MOST_WORKERS}")
    if options.max_file_size is not None and not 0 <= options.max_file_size <= _LARGEST:
        raise _refused("max_file_size: expected a number of bytes")
    if len(options.first) > _MOST_PATTERNS or any(len(pattern) > _LONGEST_PATTERN for pattern in options.first):
        raise _refused(f"first: expected at most {_MOST_PATTERNS} patterns of at most {_LONGEST_PATTERN} characters")


def _check_digests(digests: tuple[str, ...]) -> None:
    names = [algorithm.label for algorithm in Algorithm]
    if not digests or not set(digests) <= set(names):
        raise _refused(f"digests: expected one or more of {', '.join(names)}")


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", detail)


def _number(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and 1 <= int(text) <= _LONGEST_PAGE):
        raise _refused(f"limit: expected a number from 1 to {_LONGEST_PAGE}")
    return int(text)


def _check_state(text: str) -> None:
    if text not in set(State):
        raise _refused(f"state: expected one of {', '.join(State)}")


def _behind(runs: list[Run], after: str | None) -> list[Run]:
    if after is None:
        return runs
    for place, run in enumerate(runs):
        if run.id == after:
            return runs[place + 1 :]
    raise RunNotFound("after: there is no such run")


_OPTIONS: Final[dict[str, schemas.Schema]] = {
    **{
        name: schemas.nullable(schemas.TOLD)
        for name in ("case", "exhibit", "examiner", "legal_authority", "allow_writable")
    },
    "digests": schemas.nullable({**schemas.array(schemas.ALGORITHM), "minItems": 1}),
    "workers": schemas.nullable({"type": "integer", "minimum": 1, "maximum": _MOST_WORKERS}),
    "first": schemas.array({"type": "string", "minLength": 1, "maxLength": _LONGEST_PATTERN}, _MOST_PATTERNS),
    "skip_by_size": {"type": "boolean"},
    "cross_mounts": {"type": "boolean"},
    "max_file_size": schemas.nullable(schemas.SIZE),
}
_SOURCE: Final = {"type": "string", "pattern": "^/"}
_ASKED: Final = schemas.members({"source": _SOURCE}, _OPTIONS)
_SCAN: Final = run_schema(schemas.members({"source": _SOURCE, **_OPTIONS}))
_SCANS: Final = schemas.members({"scans": schemas.array(_SCAN), "next": schemas.nullable(RUN_ID)})
_ACCEPTED: Final[dict[int, Any]] = {202: {JSON: _SCAN}}

ROUTES: Final = (
    Route(
        "POST",
        "/v1/scans",
        start_scan,
        Permission.SCAN,
        "Scan a source that is mounted on the server, beneath one of its evidence roots.",
        answers=_ACCEPTED,
        bodies={JSON: _ASKED},
        parameters=(idempotency.PARAMETER,),
    ),
    Route(
        "GET",
        "/v1/scans",
        list_scans,
        Permission.SEE_SCANS,
        "The scans that this token may see, the newest first.",
        answers={200: {JSON: _SCANS}},
        parameters=(
            Parameter("case", "query", schemas.TEXT, "Only those for this case."),
            Parameter("state", "query", {"type": "string", "enum": list(State)}, "Only those in this state."),
            Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": _LONGEST_PAGE}, "How many."),
            Parameter("after", "query", RUN_ID, "`next` of the answer that this one goes on from."),
        ),
    ),
    Route(
        "GET",
        "/v1/scans/{id}",
        see_scan,
        Permission.SEE_SCANS,
        "How far a scan is, and what came of it.",
        answers={200: {JSON: _SCAN}},
        parameters=(ID_PARAMETER,),
    ),
    Route(
        "DELETE",
        "/v1/scans/{id}",
        cancel_scan,
        Permission.SCAN,
        "End a scan that is under way; what it has found so far stays.",
        answers=_ACCEPTED,
        parameters=(ID_PARAMETER,),
    ),
    Route(
        "POST",
        "/v1/scans/{id}/resume",
        resume_scan,
        Permission.SCAN,
        "Take up a scan that stopped early.",
        answers=_ACCEPTED,
        parameters=(ID_PARAMETER,),
    ),
)
