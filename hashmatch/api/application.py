"""All routes, and the aiohttp application that serves them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hashmatch.api import events, hashlookup, health, lists, lookups, results, scans, streams, tokens
from hashmatch.api.bodies import go_on
from hashmatch.api.routes import Route
from hashmatch.api.service import Service
from hashmatch.api.serving import Elsewhere, Guarded
from hashmatch.api.settings import ServiceSettings

ROUTES: Final[tuple[Route, ...]] = (
    *lookups.ROUTES,
    *streams.ROUTES,
    *scans.ROUTES,
    *events.ROUTES,
    *results.ROUTES,
    *lists.ROUTES,
    *tokens.ROUTES,
    *health.ROUTES,
)


def routes_of(settings: ServiceSettings) -> tuple[Route, ...]:
    """Return the routes that a service has."""
    return (*ROUTES, *hashlookup.ROUTES) if settings.hashlookup else ROUTES


def application(service: Service, routes: tuple[Route, ...]) -> web.Application:
    """Return the application; whoever runs it closes the service afterwards."""
    made = web.Application(client_max_size=service.settings.limits.body)
    for route in routes:
        made.router.add_route(route.method, route.path, Guarded(service, route).__call__, expect_handler=go_on)
    made.router.add_route("*", "/{path:.*}", Elsewhere(service, routes).__call__, expect_handler=go_on)
    return made
