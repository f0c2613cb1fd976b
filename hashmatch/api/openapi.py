"""The OpenAPI 3.1 document, made from the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from hashmatch import __version__
from hashmatch.api import problems, schemas
from hashmatch.api.routes import Parameter, Route, Schema

_PROBLEM: Final = {
    "description": "Why there is no answer: RFC 9457, with a stable code and never a digest.",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SUMMARIES: Final = {
    200: "The answer.",
    201: "It was made.",
    202: "It was taken in and is under way.",
    204: "It is done.",
    400: "What was asked is no digest.",
    404: "It is not known.",
}


def describe(routes: Sequence[Route]) -> bytes:
    """Return the document as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "hashmatch",
                "version": __version__,
                "summary": "Known-hash matching for forensic triage: digests in, flags out.",
            },
            "paths": paths,
            "components": {
                "schemas": {"Problem": schemas.PROBLEM},
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "password": {"type": "http", "scheme": "basic"},
                },
            },
        }
    )


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "security": _security(route),
        "responses": {str(status): _answer(status, types) for status, types in route.answers.items()}
        | {"default": _PROBLEM},
    }
    if route.permission:
        operation["description"] = f"Needs a token whose role may {route.permission.replace('_', ' ')}."
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.bodies:
        operation["requestBody"] = {"required": True, "content": _content(route.bodies)}
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.permission is None:
        return []
    return [{"token": []}, {"password": []}] if route.password else [{"token": []}]


def _answer(status: int, types: Mapping[str, Schema]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _SUMMARIES[status]}
    if types:
        answer["content"] = _content(types)
    return answer


def _content(types: Mapping[str, Schema]) -> dict[str, Any]:
    return {media_type: {"schema": schema} for media_type, schema in types.items()}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "schema": parameter.schema,
        "description": parameter.description,
        "required": parameter.required,
    }
