"""JSON Schemas of what goes in and out, for the OpenAPI document: dialect 2020-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hashmatch.custody.events import MAX_TEXT
from hashmatch.digests import Algorithm
from hashmatch.hashlists.entries import ListType
from hashmatch.outcomes import Outcome, Strength

Schema = Mapping[str, Any]


def members(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def array(items: Schema, at_most: int | None = None) -> Schema:
    schema: Schema = {"type": "array", "items": items}
    return schema if at_most is None else {**schema, "maxItems": at_most}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Final[Schema] = {"type": "string"}
WHEN: Final[Schema] = {"type": "string", "format": "date-time"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SIZE: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
# What can stand in the audit trail: printable, and nothing that looks like a digest (custody/events.py).
TOLD: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TEXT,
    "pattern": r"^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$",
    "not": {"pattern": "[0-9A-Fa-f]{32}"},
}
CASE: Final[Schema] = TOLD
ALGORITHM: Final[Schema] = {"type": "string", "enum": [algorithm.label for algorithm in Algorithm]}
SNAPSHOT: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
BYTES: Final[Schema] = {"type": "string", "format": "binary"}

ITEMS: Final = 100_000


def digest(algorithm: Algorithm) -> Schema:
    """Return the schema of a digest in hexadecimal digits of either case."""
    return {"type": "string", "pattern": f"^[0-9A-Fa-f]{{{2 * algorithm.size}}}$"}


_RECORD: Final[Schema] = {
    **members({}, {algorithm.label: nullable(digest(algorithm)) for algorithm in Algorithm} | {"size": nullable(SIZE)}),
    "anyOf": [
        {"required": [algorithm.label], "properties": {algorithm.label: digest(algorithm)}} for algorithm in Algorithm
    ],
}
LOOK_UP: Final[Schema] = {
    "oneOf": [
        *(
            members(
                {"algorithm": {"const": algorithm.label}, "digests": array(digest(algorithm), ITEMS)},
                {"case": nullable(CASE)},
            )
            for algorithm in Algorithm
        ),
        members({"records": array(_RECORD, ITEMS)}, {"case": nullable(CASE)}),
    ]
}
RAW_DIGESTS: Final[Schema] = BYTES

FLAG: Final[Schema] = members(
    {
        "list": TEXT,
        "release": TEXT,
        "type": {"type": "string", "enum": list(ListType)},
        "scheme": nullable(TEXT),
        "category": nullable(TEXT),
        "strength": {"type": "string", "enum": list(Strength)},
    }
)
RESULT: Final[Schema] = members(
    {
        "outcome": {"type": "string", "enum": [Outcome.MATCH, Outcome.NO_MATCH, Outcome.EXCLUDED]},
        "flags": array(FLAG),
    }
)
_LISTS: Final[Schema] = array(members({"list": TEXT, "release": TEXT}))
RESULTS: Final[Schema] = members(
    {"snapshot": SNAPSHOT, "compared": _LISTS, "not_compared": _LISTS, "results": array(RESULT)}
)
PROBLEM: Final[Schema] = {
    "type": "object",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "code": TEXT,
        "detail": TEXT,
        "position": COUNT,
    },
    "required": ["type", "title", "status", "code", "detail"],
}
