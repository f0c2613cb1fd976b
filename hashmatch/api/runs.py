"""What the routes of scans and of imports share: finding a run, and saying how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
import orjson
from aiohttp import web

from hashmatch.api import schemas
from hashmatch.api.bodies import JSON
from hashmatch.api.routes import Call, Parameter
from hashmatch.errors import RunNotFound
from hashmatch.runs.record import Kind, Run, State
from hashmatch.runs.register import Register

_P = ParamSpec("_P")
_T = TypeVar("_T")

ID_PARAMETER: Final = Parameter("id", "path", {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Of the run.", True)
# Reasons that begin so tell of the service's own disks; whoever looks after it finds them in its log.
_OWN_FAULTS: Final = ("store", "audit", "output", "run")


@dataclass(frozen=True, slots=True)
class RunPlaces:
    """Where a worker process finds what it shares with the supervisor.

    Attributes:
        register: of all runs.
        uploads: where lists are staged until they are imported.
    """

    register: Register
    uploads: Path


async def in_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do what waits for a disk, without holding the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def seen_scan(call: Call) -> Run:
    """Return the scan that the path names.

    Raises:
        RunNotFound: there is none, or it is not for this token's eyes: which of the two is not told.
    """
    run = await in_thread(call.service.runs.register.get, call.request.match_info["id"])
    if run.kind is not Kind.SCAN or not call.caller.may_see(run.owner, run.case):
        raise RunNotFound("there is no such run")
    return run


async def seen_import(call: Call) -> Run:
    """Return the import that the path names; whoever sees lists with their counts sees every import.

    Raises:
        RunNotFound: there is none.
    """
    run = await in_thread(call.service.runs.register.get, call.request.match_info["id"])
    if run.kind is not Kind.IMPORT:
        raise RunNotFound("there is no such run")
    return run


def document(run: Run) -> dict[str, Any]:
    """Return what is said of a run."""
    asked = msgspec.to_builtins(run.request)
    del asked["kind"]
    asked.pop("upload", None)
    said = {name: getattr(run, name) for name in _SAID}
    if run.code is not None and run.code.partition(".")[0] in _OWN_FAULTS:
        said["reason"] = "the service itself failed; its log says where"
    return said | {"request": asked}


def place(run: Run) -> str:
    """Return the path under which a run is found."""
    return f"/v1/{'scans' if run.kind is Kind.SCAN else 'imports'}/{run.id}"


def described(run: Run, status: int = 200) -> web.Response:
    """Return a run as an answer; one that was just asked for with where it will be found."""
    headers = {"Location": place(run)} if status != 200 else {}
    return web.Response(status=status, body=orjson.dumps(document(run)), content_type=JSON, headers=headers)


_SAID: Final = (
    "id", "state", "reason", "code", "owner", "case", "created", "started", "ended", "attempts", "resumable",
    "cancelling", "counts", "result",
)  # fmt: skip

RUN_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{32}$"}


def run_schema(request: schemas.Schema) -> schemas.Schema:
    """Return the schema of a run that was asked for with a `request` of this form."""
    return schemas.members(
        {
            "id": RUN_ID,
            "state": {"type": "string", "enum": list(State)},
            "reason": schemas.nullable(schemas.TEXT),
            "code": schemas.nullable(schemas.TEXT),
            "owner": schemas.TEXT,
            "case": schemas.nullable(schemas.TEXT),
            "created": schemas.WHEN,
            "started": schemas.nullable(schemas.WHEN),
            "ended": schemas.nullable(schemas.WHEN),
            "attempts": schemas.COUNT,
            "resumable": {"type": "boolean"},
            "cancelling": {"type": "boolean"},
            "counts": {"type": "object", "additionalProperties": schemas.COUNT},
            "result": {"type": "object", "additionalProperties": schemas.nullable(schemas.TEXT)},
            "request": request,
        }
    )
