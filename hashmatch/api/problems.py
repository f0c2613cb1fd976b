"""Errors as problem details: RFC 9457, with the stable code of the exception tree."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web

from hashmatch import errors

MEDIA_TYPE: Final = "application/problem+json"

_STATUS: Final[dict[type[errors.HashmatchError], HTTPStatus]] = {
    errors.UsageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QueryError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ListError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DuplicateRelease: HTTPStatus.CONFLICT,
    errors.NoActiveList: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.BudgetSpent: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NoSuchToken: HTTPStatus.NOT_FOUND,
    errors.AccessDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.AuditError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.RunNotFound: HTTPStatus.NOT_FOUND,
    errors.RunNotPossible: HTTPStatus.CONFLICT,
    errors.RunError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SourceUnusable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OutputUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
}


_OWN_FAULT: Final = "the service cannot answer now"


class RequestRefused(errors.HashmatchError):
    """What only a shell that speaks HTTP can refuse; `status` and `headers` go into the answer as they are."""

    code = "request"

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.refusal = code
        self.headers = headers or {}
        self.more = more


def refusal(error: errors.HashmatchError) -> web.Response:
    """Return the answer that an error of the tree is."""
    if isinstance(error, RequestRefused):
        return problem(error.status, error.refusal, str(error), headers=error.headers, **error.more)
    return problem(status_of(error), error.code, _said(error), headers=_headers(error))


def _said(error: errors.HashmatchError) -> str:
    """Return what a client is told: of the service's own places only that they fail, its log says which."""
    return _OWN_FAULT if status_of(error) is HTTPStatus.SERVICE_UNAVAILABLE else str(error)


def _headers(error: errors.HashmatchError) -> dict[str, str]:
    if isinstance(error, errors.NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.BudgetSpent) and error.retry_after is not None:
        return {"Retry-After": str(error.retry_after)}
    return {}


def status_of(error: errors.HashmatchError) -> HTTPStatus:
    """Return the status of an error: its own class's, or that of the nearest class above."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    status: HTTPStatus, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> web.Response:
    """Return problem details; `more` are further members, such as the position of what was refused."""
    document = {"type": "about:blank", "title": status.phrase, "status": status, "code": code, "detail": detail, **more}
    response = web.Response(status=status, body=orjson.dumps(document), content_type=MEDIA_TYPE, headers=headers)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers.setdefault("Retry-After", "5")
    return response
