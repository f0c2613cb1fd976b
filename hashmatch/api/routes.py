"""A route as data: the application, the OpenAPI document and the tests of who may what are all made from the same
list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.access.tokens import Token

if TYPE_CHECKING:
    from hashmatch.api.service import Service

Schema = Mapping[str, Any]  # JSON Schema 2020-12


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who may make it.

    Attributes:
        token: whose request it is; None where nobody needs one.
    """

    service: Service
    request: web.Request
    token: Token | None

    @property
    def caller(self) -> Token:
        """The token of a route that asks for one."""
        assert self.token is not None
        return self.token


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A header or a part of the path or query that a route takes."""

    name: str
    place: str  # header, path, query
    schema: Schema
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Attributes:
        path: with `{name}` for what varies.
        permission: what the token's role has to allow; None where no token is needed.
        summary: one line for the OpenAPI document.
        bodies: the schema of the request's body by media type; none for a request without a body.
        answers: by status: the schema by media type. Problem details need not be named.
        password: the token may also come as a password (RFC 7617), for clients that can be told of nothing else.
        takes_long: its answer may take as long as it needs: what is sent or received has no end that can be foreseen.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission | None
    summary: str
    answers: Mapping[int, Mapping[str, Schema]]
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    password: bool = False
    takes_long: bool = False
