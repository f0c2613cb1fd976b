"""Who may what: every route against everybody, as one table."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
import orjson
import pytest

from hashmatch.access.roles import Role
from hashmatch.api import hashlookup
from hashmatch.api.application import ROUTES as OWN
from hashmatch.api.bodies import JSON, OCTETS
from hashmatch.api.routes import Route
from hashmatch.config import Settings
from tests.api.service import Running, bearer, serving, token_store

EXAMINER, CUSTODIAN, AUDITOR, ADMIN = Role
EVERYBODY: Final = frozenset({"everybody"})
ROUTES: Final = (*OWN, *hashlookup.ROUTES)

MAY: Final[dict[str, frozenset[str]]] = {
    "POST /v1/lookups": frozenset({EXAMINER}),
    "POST /v1/streams": frozenset({EXAMINER}),
    "POST /v1/scans": frozenset({EXAMINER}),
    "GET /v1/scans": frozenset({EXAMINER, AUDITOR}),
    "GET /v1/scans/{id}": frozenset({EXAMINER, AUDITOR}),
    "DELETE /v1/scans/{id}": frozenset({EXAMINER}),
    "POST /v1/scans/{id}/resume": frozenset({EXAMINER}),
    "GET /v1/scans/{id}/events": frozenset({EXAMINER, AUDITOR}),
    "GET /v1/scans/{id}/report": frozenset({EXAMINER, AUDITOR}),
    "GET /v1/scans/{id}/flags": frozenset({EXAMINER, AUDITOR}),
    "GET /v1/scans/{id}/not-examined": frozenset({EXAMINER, AUDITOR}),
    "GET /v1/lists": frozenset({EXAMINER, CUSTODIAN, AUDITOR}),
    "POST /v1/lists": frozenset({CUSTODIAN}),
    "POST /v1/lists/{list}/activate": frozenset({CUSTODIAN}),
    "POST /v1/lists/{list}/retire": frozenset({CUSTODIAN}),
    "GET /v1/imports/{id}": frozenset({CUSTODIAN, AUDITOR}),
    "DELETE /v1/imports/{id}": frozenset({CUSTODIAN}),
    "GET /v1/tokens": frozenset({ADMIN}),
    "POST /v1/tokens": frozenset({ADMIN}),
    "DELETE /v1/tokens/{id}": frozenset({ADMIN}),
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": frozenset({AUDITOR, ADMIN}),
    "GET /openapi.json": EVERYBODY,
    "GET /lookup/{algorithm}/{digest}": frozenset({EXAMINER}),
    "POST /bulk/{algorithm}": frozenset({EXAMINER}),
    "GET /info": frozenset({EXAMINER}),
}
# hashlookup's clients have no place for a token but a URL's password.
BY_PASSWORD: Final = ("GET /lookup/{algorithm}/{digest}", "POST /bulk/{algorithm}", "GET /info")
NOBODY: Final = ("no token", "another token", "garbage", "an expired token", "a revoked token")


@pytest.fixture(scope="module")
def service(places: Settings) -> Iterator[Running]:
    """Return a service with every route that there is."""
    with serving(places, "--hashlookup", "--evidence-root", places.store.parent) as running:
        yield running


@pytest.fixture(scope="module")
def people(service: Running) -> dict[str, dict[str, str]]:
    """Return everybody with the header that they ask with."""
    settings, past = service.settings, datetime.now(UTC) - timedelta(days=2)
    by_role: dict[str, dict[str, str]] = {role: bearer(settings, role) for role in Role}
    tokens = token_store(settings)
    _, expired = tokens.create("expired", EXAMINER, expires=past + timedelta(days=1), now=past)
    token, revoked = tokens.create("revoked", EXAMINER, now=past)
    tokens.revoke(token.id, past)
    _, secret = tokens.create("with a password", EXAMINER, now=past)
    password = base64.b64encode(f"anybody:{secret}".encode()).decode()
    return by_role | {
        "an examiner of a case": bearer(settings, EXAMINER, cases=("24-001",)),
        "an examiner by password": {"Authorization": f"Basic {password}"},
        "no token": {},
        "another token": {"Authorization": "Bearer hm_000000000000_" + "A" * 43},
        "garbage": {"Authorization": "Bearer ../../\xff; DROP"},
        "an expired token": {"Authorization": f"Bearer {expired}"},
        "a revoked token": {"Authorization": f"Bearer {revoked}"},
    }


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def expected(route: str, who: str) -> str:
    """Return what the table says of somebody."""
    may = MAY[route]
    if may is EVERYBODY:
        return "allowed"
    if who in NOBODY or (who == "an examiner by password" and route not in BY_PASSWORD):
        return "unknown"
    return "allowed" if (EXAMINER if who.startswith("an examiner") else who) in may else "forbidden"


async def found(session: aiohttp.ClientSession, route: Route, headers: dict[str, str]) -> str:
    """Return what the service says to a request that changes nothing whoever makes it."""
    path = route.path.format(id="0" * 32, list="none", algorithm="md5", digest="0" * 32)
    kind = {"Content-Type": JSON if JSON in route.bodies else OCTETS} if route.bodies else {}
    async with session.request(route.method, path, headers={**headers, **kind}) as response:
        content = await response.read()
        if response.status == 401:
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            return "unknown" if orjson.loads(content)["code"] == "access.not_authenticated" else "?"
        if response.status == 403:
            return "forbidden" if orjson.loads(content)["code"] == "access.not_allowed" else "?"
        return "allowed"


def test_the_table_has_every_route() -> None:
    """A route that nobody has thought about fails here, and so does one that is gone."""
    assert sorted(MAY) == sorted(map(name_of, ROUTES))


async def test_everybody_at_every_route(service: Running, people: dict[str, dict[str, str]]) -> None:
    """What each may is what the table says, route by route, whether or not they have a token that is good."""
    assert len(people) == 11
    async with aiohttp.ClientSession(service.base) as session:
        is_so = {
            (name_of(route), who): await found(session, route, headers)
            for route in ROUTES
            for who, headers in people.items()
        }
    assert is_so == {place: expected(*place) for place in is_so}


async def test_there_is_nothing_else(service: Running, people: dict[str, dict[str, str]]) -> None:
    """Other methods of the paths that are there, and other paths, have nothing for anybody."""
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
    elsewhere = (
        "/",
        "/v1",
        "/v1/",
        "/v1/lookups/",
        "/docs",
        "/admin",
        "/static/x",
        "/..%2f..%2fetc/passwd",
    )
    async with aiohttp.ClientSession(service.base) as session:
        for path in {route.path for route in ROUTES}:
            allowed = sorted(route.method for route in ROUTES if route.path == path)
            place = path.format(id="0" * 32, list="none", algorithm="md5", digest="0" * 32)
            for method in set(methods) - set(allowed):
                async with session.request(method, place, headers=people[EXAMINER]) as response:
                    assert (response.status, response.headers["Allow"]) == (405, ", ".join(allowed))
        for path in elsewhere:
            for who in (EXAMINER, ADMIN, "no token"):
                async with session.get(path, headers=people[who]) as response:
                    assert response.status == 404
