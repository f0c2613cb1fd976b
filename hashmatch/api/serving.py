"""What surrounds every route: who is asking, may they, have they asked too much; errors as problems; figures and
log.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from aiohttp import web

from hashmatch.access.roles import allows
from hashmatch.access.tokens import Token
from hashmatch.api.problems import problem, refusal
from hashmatch.api.routes import Call, Route
from hashmatch.api.service import Service
from hashmatch.errors import AccessError, HashmatchError, NotAllowed, NotAuthenticated
from hashmatch.hashing.failures import is_ours

_log: Final = logging.getLogger("hashmatch.api")
_BEARER: Final = "Bearer "
_BASIC: Final = "Basic "


def authenticated(service: Service, request: web.Request, *, password: bool = False) -> Token:
    """Return whose request it is.

    Args:
        service: has the tokens.
        request: with a token in a header.
        password: whether it may be there as a password as well.

    Raises:
        NotAuthenticated: nobody's who has a token that is good now.
    """
    given = request.headers.getall("Authorization", ())
    authorization = given[0] if len(given) == 1 else ""
    if authorization.startswith(_BEARER):
        secret = authorization[len(_BEARER) :]
    elif password and authorization.startswith(_BASIC):
        secret = _password(authorization[len(_BASIC) :])
    else:
        raise NotAuthenticated("expected an Authorization header with a Bearer token")
    return service.tokens.authenticate(secret, datetime.now(UTC))


class Guarded:
    """A route as aiohttp calls it."""

    def __init__(self, service: Service, route: Route) -> None:
        self._service = service
        self._route = route
        self._seconds = None if route.takes_long else service.settings.limits.answer_seconds
        self._metrics = service.metrics.route(route.method, route.path)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        response = await self._answered(request)
        self._note(request, response.status, time.perf_counter() - started)
        return response

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        token: Token | None = None
        try:
            with self._service.under_way:
                token = self._authenticated(request)
                self._admit(token)
                return await self._in_time(Call(self._service, request, token))
        except AccessError as error:
            response = await self._refused(request, token, error)
        except HashmatchError as error:
            response = self._told(error)
        except TimeoutError:
            response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "request.timeout", "the answer took too long")
        except ConnectionError:
            raise  # the client is gone, and nobody is there to be answered
        except Exception as error:  # noqa: BLE001 - one request must not take the others with it
            response = self._failed(error)
        if not request.content.is_eof() or self._service.under_way.stopping:
            # The rest of a refused body is not waited for.
            response.force_close()
        return response

    def _authenticated(self, request: web.Request) -> Token | None:
        route = self._route
        return None if route.permission is None else authenticated(self._service, request, password=route.password)

    async def _in_time(self, call: Call) -> web.StreamResponse:
        if self._seconds is None:
            return await self._route.handler(call)
        return await self._service.deadlines.within(self._seconds, self._route.handler(call))

    def _admit(self, token: Token | None) -> None:
        permission = self._route.permission
        if token is None or permission is None:
            return
        if not allows(token.role, permission):
            raise NotAllowed(f"the role {token.role} does not include {permission}")
        self._service.budgets.spend(token.id, token.budget, requests=1, now=time.time())

    async def _refused(self, request: web.Request, token: Token | None, error: AccessError) -> web.Response:
        """Return the answer to what is not allowed, once it is recorded."""
        try:
            await self._service.refusals.record(token, error, self._route.path, request.remote)
        except HashmatchError as unrecorded:
            return self._told(unrecorded)
        return self._told(error)

    def _failed(self, error: Exception) -> web.Response:
        _log.error("a request failed", extra={"fields": {"route": self._route.path}}, exc_info=error)
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and is_ours(error)):
            detail = "the service has no memory or descriptors left"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "service.exhausted", detail)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "error", "the service made an error; its log says where")

    def _told(self, error: HashmatchError) -> web.Response:
        response = refusal(error)
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            fields = {"route": self._route.path, "code": error.code, "detail": str(error)}
            _log.error("no answer", extra={"fields": fields})
        return response

    def _note(self, request: web.Request, status: int, seconds: float) -> None:
        service, route = self._service, self._route
        self._metrics.answered(status, seconds)
        if service.settings.log_requests:
            fields = {
                "method": route.method,
                "route": route.path,
                "status": status,
                "milliseconds": round(seconds * 1000, 3),
                "peer": request.remote,
            }
            _log.info("request", extra={"fields": fields})


def _password(credentials: str) -> str:
    """Return the password of RFC 7617's credentials; nothing where they are none, which no token is equal to."""
    try:
        return base64.b64decode(credentials, validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        return ""


class Elsewhere:
    """What no route is for: another method of a path that is there, or no such path."""

    def __init__(self, service: Service, routes: Sequence[Route]) -> None:
        self._metrics = service.metrics.route("other", "other")
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path)), route.method) for route in routes]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        allowed = sorted({method for path, method in self._paths if path.fullmatch(request.path)})
        if allowed:
            headers = {"Allow": ", ".join(allowed)}
            status, detail = HTTPStatus.METHOD_NOT_ALLOWED, "this path takes other methods"
            response = problem(status, "request.method", detail, headers=headers)
        else:
            response = problem(HTTPStatus.NOT_FOUND, "request.path", "there is nothing at this path")
        if not request.content.is_eof():
            response.force_close()
        self._metrics.answered(response.status, 0.0)
        return response
