"""`/v1/tokens`: see, create and revoke tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from hashmatch.access.budgets import MOST, NO_LIMITS, Budget
from hashmatch.access.roles import Permission, Role
from hashmatch.access.token_file import Token, TokenState
from hashmatch.access.wanted import MAX_CASE, MAX_CASES, MAX_NAME
from hashmatch.api import schemas
from hashmatch.api.bodies import JSON, check_type, decoded, whole
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.api.runs import in_thread
from hashmatch.custody.recorder import Recorder
from hashmatch.on_record import tokens as on_record


class _Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    role: Role
    cases: tuple[str, ...] = ()
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    budget: Budget = NO_LIMITS


_WANTED: Final = msgspec.json.Decoder(_Wanted)


async def list_tokens(call: Call) -> web.Response:
    """Say which tokens were ever made, and whether they open anything."""
    now = datetime.now(UTC)
    tokens = await in_thread(call.service.tokens.all)
    return _answer({"tokens": [_described(token, now) for token in tokens]})


async def create_token(call: Call) -> web.Response:
    """Make a token, and give its secret this once."""
    check_type(call.request, JSON)
    wanted = decoded(_WANTED, await whole(call.request, call.service.settings.limits))
    now = datetime.now(UTC)
    token, secret = await in_thread(
        on_record.create,
        _recorder(call),
        call.service.tokens,
        wanted.name,
        wanted.role,
        cases=wanted.cases,
        expires=wanted.expires,
        budget=wanted.budget,
        now=now,
    )
    return _answer(
        {"token": _described(token, now), "secret": secret},
        HTTPStatus.CREATED,
        {"Location": f"/v1/tokens/{token.id}", "Cache-Control": "no-store"},
    )


async def revoke_token(call: Call) -> web.Response:
    """Let a token open nothing from now on."""
    now = datetime.now(UTC)
    token = await in_thread(on_record.revoke, _recorder(call), call.service.tokens, call.request.match_info["id"], now)
    return _answer({"token": _described(token, now)})


def _recorder(call: Call) -> Recorder:
    return Recorder(call.service.recording.trail, call.caller.id, call.caller.role, origin=call.request.remote)


def _described(token: Token, now: datetime) -> dict[str, Any]:
    return {**msgspec.to_builtins(token), "state": token.state(now)}


def _answer(said: object, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(said), content_type=JSON, headers=headers)


_LIMIT: Final = schemas.nullable({"type": "integer", "minimum": 1, "maximum": MOST})
_BUDGET: Final = {"requests": _LIMIT, "digests": _LIMIT, "misses": _LIMIT}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_ROLE: Final = {"type": "string", "enum": list(Role)}
_CASES: Final = schemas.array({"type": "string", "minLength": 1, "maxLength": MAX_CASE}, MAX_CASES)
_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
_TOKEN: Final = schemas.members(
    {
        "id": _ID,
        "name": _NAME,
        "role": _ROLE,
        "cases": _CASES,
        "created": schemas.WHEN,
        "expires": schemas.nullable(schemas.WHEN),
        "revoked": schemas.nullable(schemas.WHEN),
        "budget": schemas.members(_BUDGET),
        "state": {"type": "string", "enum": list(TokenState)},
    }
)

ROUTES: Final = (
    Route(
        "GET",
        "/v1/tokens",
        list_tokens,
        Permission.CHANGE_TOKENS,
        "Every token that was made, with its state, and never its secret.",
        answers={200: {JSON: schemas.members({"tokens": schemas.array(_TOKEN)})}},
    ),
    Route(
        "POST",
        "/v1/tokens",
        create_token,
        Permission.CHANGE_TOKENS,
        "Make a token. Its secret is in this answer and nowhere else.",
        answers={201: {JSON: schemas.members({"token": _TOKEN, "secret": schemas.TEXT})}},
        bodies={
            JSON: schemas.members(
                {"name": _NAME, "role": _ROLE},
                {
                    "cases": _CASES,
                    "expires": schemas.nullable(schemas.WHEN),
                    "budget": schemas.members({}, _BUDGET),
                },
            )
        },
    ),
    Route(
        "DELETE",
        "/v1/tokens/{id}",
        revoke_token,
        Permission.CHANGE_TOKENS,
        "Let a token open nothing from now on. One that is revoked stays as it is.",
        answers={200: {JSON: schemas.members({"token": _TOKEN})}},
        parameters=(Parameter("id", "path", _ID, "Of the token.", True),),
    ),
)
