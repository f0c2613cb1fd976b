"""CIRCL hashlookup's paths: `/lookup/<algorithm>/<digest>`, `/bulk/<algorithm>` and `/info`, for its clients unchanged.

Paths, keys and messages are those of hashlookup-server 1.2 (bin/server.py), with `/bulk/sha256` besides. They are a
view of the lists of known files: whether a digest is on a list of another type as well shows nowhere. Digests stand in
the path here, as the protocol has it; this service writes paths to no log, metric or trail, but a proxy in front of it
may.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
import orjson
from aiohttp import web

from hashmatch import __version__
from hashmatch.access.roles import Permission
from hashmatch.api import schemas
from hashmatch.api.asking import case_of
from hashmatch.api.bodies import JSON, check_type, decoded, whole
from hashmatch.api.known import DIGEST_KEYS, KnownFile, check_answerable, known_files, known_lists
from hashmatch.api.lookups import CASE_PARAMETER, case_in
from hashmatch.api.problems import RequestRefused
from hashmatch.api.questions import algorithm_named
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.custody.events import Action, Event, EventOutcome
from hashmatch.digests import Algorithm, parse_hex
from hashmatch.store.snapshot import Snapshot

_SPOKEN: Final = "1.2"  # the version of hashlookup-server whose paths these are
_NO_HASHES: Final = "JSON format incorrect. An array of hashes in the key 'hashes' is expected."


class _Bulk(msgspec.Struct):
    hashes: list[str] | msgspec.UnsetType = msgspec.UNSET


_BULK: Final = msgspec.json.Decoder(_Bulk)


async def hashlookup_lookup(call: Call) -> web.Response:
    """Say what is known of one file."""
    algorithm = algorithm_named(call.request.match_info["algorithm"])
    text = call.request.match_info["digest"]
    octets = _octets(algorithm, text)
    if octets is None:
        name = algorithm.name
        message = f"{name} value incorrect, expecting a {name} value in hex format"
        return _answer({"message": message}, HTTPStatus.BAD_REQUEST)
    (found,) = await _found(call, algorithm, [octets])
    if found is None:
        said = {"message": f"Non existing {DIGEST_KEYS[algorithm]}", "query": text}
        return _answer(said, HTTPStatus.NOT_FOUND)
    return _answer(found)


async def hashlookup_bulk(call: Call) -> web.Response:
    """Say what is known of each file that is known; nothing of any other, nor of what is no digest."""
    limits = call.service.settings.limits
    algorithm = algorithm_named(call.request.match_info["algorithm"])
    check_type(call.request, JSON)
    hashes = decoded(_BULK, await whole(call.request, limits)).hashes
    if isinstance(hashes, msgspec.UnsetType):
        return _answer({"message": _NO_HASHES}, HTTPStatus.NOT_FOUND)
    if len(hashes) > limits.items:
        detail = f"expected at most {limits.items} items"
        raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_long", detail)
    digests = [octets for octets in (_octets(algorithm, text) for text in hashes) if octets is not None]
    return _answer([found for found in await _found(call, algorithm, digests) if found is not None])


async def hashlookup_info(call: Call) -> web.Response:
    """Say which lists are asked."""
    held = await call.service.pinned.take()
    try:
        check_answerable(held.pin.snapshot, ())
        lists = known_lists(held.pin.snapshot)
        snapshot = held.pin.snapshot.snapshot_id
    finally:
        call.service.pinned.give_back(held)
    versions = {"hashlookup-version": _SPOKEN, "hashmatch-version": __version__}
    return _answer({**versions, "snapshot": snapshot, "lists": lists})


async def _found(call: Call, algorithm: Algorithm, digests: Sequence[bytes]) -> list[KnownFile | None]:
    """Look digests up, and record that before anything is said of them."""
    service, caller = call.service, call.caller
    case = case_of(caller, case_in(call.request))
    # As at the desk: every digest may be a miss; what is not is given back when it is known.
    count = len(digests)
    booked = service.budgets.spend(caller.id, caller.budget, digests=count, misses=count, now=time.time())
    held = await service.pinned.take()
    try:
        snapshot = held.pin.snapshot.snapshot_id
        found = await service.known.ask(held, partial(_known, algorithm=algorithm, digests=digests))
    finally:
        service.pinned.give_back(held)
    matches = sum(one is not None for one in found)
    if caller.budget.misses is not None:
        service.budgets.give_back(caller.id, caller.budget, misses=matches, booked=booked)
    await service.recording.record(
        Event(
            Action.LOOK_UP,
            EventOutcome.DONE,
            caller.id,
            caller.role,
            case=case,
            subject="hashlookup",
            counts={"requests": 1, "items": count, "matches": matches, "no_match": count - matches},
            snapshot=snapshot,
            origin=call.request.remote,
        )
    )
    service.metrics.looked_up(count)
    return found


def _known(snapshot: Snapshot, algorithm: Algorithm, digests: Sequence[bytes]) -> list[KnownFile | None]:
    check_answerable(snapshot, (algorithm,))
    return known_files(snapshot, algorithm, digests)


def _octets(algorithm: Algorithm, text: str) -> bytes | None:
    try:
        return parse_hex(algorithm, text.encode(errors="replace"))
    except ValueError:
        return None


def _answer(said: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(said), content_type=JSON)


_FILE: Final = schemas.members(
    {"source": schemas.TEXT, "db": schemas.TEXT},
    {"FileSize": schemas.TEXT, **{key: schemas.digest(algorithm) for algorithm, key in DIGEST_KEYS.items()}},
)
_MESSAGE: Final = schemas.members({"message": schemas.TEXT}, {"query": schemas.TEXT})
_INFO: Final = schemas.members(
    {
        "hashlookup-version": schemas.TEXT,
        "hashmatch-version": schemas.TEXT,
        "snapshot": schemas.SNAPSHOT,
        "lists": schemas.array(schemas.TEXT),
    }
)
_ANY_DIGEST: Final = {"anyOf": [schemas.digest(algorithm) for algorithm in Algorithm]}
_ALGORITHM: Final = Parameter("algorithm", "path", schemas.ALGORITHM, "Which digest it is.", required=True)
_DIGEST: Final = Parameter("digest", "path", _ANY_DIGEST, "In hexadecimal digits.", required=True)

ROUTES: Final = (
    Route(
        "GET",
        "/lookup/{algorithm}/{digest}",
        hashlookup_lookup,
        Permission.LOOK_UP,
        "CIRCL hashlookup: what is known of a file.",
        answers={200: {JSON: _FILE}, 400: {JSON: _MESSAGE}, 404: {JSON: _MESSAGE}},
        parameters=(_ALGORITHM, _DIGEST, CASE_PARAMETER),
        password=True,
    ),
    Route(
        "POST",
        "/bulk/{algorithm}",
        hashlookup_bulk,
        Permission.LOOK_UP,
        "CIRCL hashlookup: what is known of those files that are known.",
        answers={200: {JSON: schemas.array(_FILE)}, 404: {JSON: _MESSAGE}},
        bodies={JSON: {"type": "object", "properties": {"hashes": schemas.array(schemas.TEXT, schemas.ITEMS)}}},
        parameters=(_ALGORITHM, CASE_PARAMETER),
        password=True,
    ),
    Route(
        "GET",
        "/info",
        hashlookup_info,
        Permission.LOOK_UP,
        "CIRCL hashlookup: what is asked.",
        answers={200: {JSON: _INFO}},
        password=True,
    ),
)
