"""`/v1/lists` and `/v1/imports`: see, import, activate, retire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
import orjson
from aiohttp import web

from hashmatch import lists as use_case
from hashmatch.access.roles import Permission, allows
from hashmatch.api import content_digest, idempotency, schemas
from hashmatch.api.bodies import JSON, OCTETS, check_type, decoded, whole
from hashmatch.api.problems import RequestRefused
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.api.runs import ID_PARAMETER, described, in_thread, run_schema, seen_import
from hashmatch.api.uploads import Upload, received
from hashmatch.custody.events import check_text
from hashmatch.custody.recorder import Recorder
from hashmatch.errors import HashmatchError, NoActiveList, NoSuchRelease, StoreLocked
from hashmatch.hashlists.entries import ListType
from hashmatch.hashlists.formats import FORMATS
from hashmatch.on_record import lists as on_record
from hashmatch.runs.imports import import_request
from hashmatch.runs.record import ImportAsked, Run
from hashmatch.runs.register import new_id
from hashmatch.store.layout import check_list_id, check_release


class _Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    release: str


_RELEASE: Final = msgspec.json.Decoder(_Release)


async def list_lists(call: Call) -> web.Response:
    """Say which lists are there: their names to whoever looks digests up, all but their content to others."""
    listed = await in_thread(use_case.show, call.service.settings.places)
    if allows(call.caller.role, Permission.SEE_LIST_COUNTS):
        said = [_counted(item) for item in listed]
    else:
        said = [_named(item) for item in listed if item.active]
    return web.Response(body=orjson.dumps({"lists": said}), content_type=JSON)


async def import_list(call: Call) -> web.Response:
    """Stage an upload and have it imported."""
    check_type(call.request, OCTETS)
    declared = _declared(call.request.query)
    async with idempotency.once(call) as once, received(call, f"list-{new_id()}") as upload:
        request = idempotency.fingerprint(call.request, upload.sha256)
        run_id, answer = await in_thread(once.begin, request)
        if answer is not None:
            return answer
        run = await _entered(call, declared, upload, run_id)
        return await in_thread(once.answered, run, HTTPStatus.ACCEPTED)


async def _entered(call: Call, declared: ImportAsked, upload: Upload, run_id: str) -> Run:
    """Enter the import, which then sees to the removal of the upload."""
    # Before it is entered: should this request be cancelled meanwhile, the import may be there all the same.
    upload.taken = True
    try:
        return await in_thread(
            call.service.runs.register.create,
            msgspec.structs.replace(declared, upload=str(upload.path)),
            owner=call.caller.id,
            role=call.caller.role,
            origin=call.request.remote,
            now=datetime.now(UTC),
            run_id=run_id,
        )
    except HashmatchError:
        upload.taken = False
        raise


async def see_import(call: Call) -> web.Response:
    """Say how far an import is."""
    return described(await seen_import(call))


async def cancel_import(call: Call) -> web.Response:
    """Ask that an import end."""
    run = await seen_import(call)
    return described(await in_thread(call.service.runs.register.cancel, run.id), HTTPStatus.ACCEPTED)


async def activate_release(call: Call) -> web.Response:
    """Make a release that is there the active one of its list."""
    check_type(call.request, JSON)
    release = decoded(_RELEASE, await whole(call.request, call.service.settings.limits)).release
    list_id = call.request.match_info["list"]
    try:
        with _alone():
            await in_thread(on_record.activate, _recorder(call), call.service.settings.places, list_id, release)
    except NoSuchRelease as error:
        detail = "that release of that list is not in the store"
        raise RequestRefused(HTTPStatus.NOT_FOUND, error.code, detail) from None
    return _done(list_id, release, active=True)


async def retire_list(call: Call) -> web.Response:
    """Take a list out of use."""
    list_id = call.request.match_info["list"]
    try:
        with _alone():
            release = await in_thread(on_record.retire, _recorder(call), call.service.settings.places, list_id)
    except NoActiveList:
        raise RequestRefused(HTTPStatus.CONFLICT, "list.not_active", "no release of that list is active") from None
    return _done(list_id, release, active=False)


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse a change while another is under way: that is no fault of the service's, and passes.

    Raises:
        RequestRefused: another process is changing the store.
    """
    try:
        yield
    except StoreLocked as error:
        detail = "another change of the lists is under way"
        raise RequestRefused(HTTPStatus.CONFLICT, error.code, detail, headers={"Retry-After": "5"}) from None


def _recorder(call: Call) -> Recorder:
    return Recorder(call.service.recording.trail, call.caller.id, call.caller.role, origin=call.request.remote)


def _done(list_id: str, release: str, *, active: bool) -> web.Response:
    return web.json_response({"list": list_id, "release": release, "active": active})


def _named(item: use_case.Listed) -> dict[str, Any]:
    manifest = item.stored.manifest
    return {"list": manifest.list, "release": manifest.release, "type": manifest.type, "active": item.active}


def _counted(item: use_case.Listed) -> dict[str, Any]:
    manifest = item.stored.manifest
    return _named(item) | {
        "authority": manifest.authority,
        "signature": manifest.signature,
        "imported": manifest.imported,
        "generation": item.stored.directory.name,
        "entries": manifest.entries,
        "digests": dict(manifest.digests),
    }


_FLAGS: Final = {"true": True, "false": False}


def _declared(query: Mapping[str, str]) -> ImportAsked:
    """Return what the query says of the list.

    Raises:
        RequestRefused: something is missing, unknown or twice.
        UsageError: it cannot be meant so.
    """
    names = {"list", "release", "type", "authority", "format", "algorithm", "scheme", "category"}
    flags = {"unsigned", "activate"}
    given = list(query)
    if len(set(given)) != len(given) or not {"list", "release", "type", "authority"} <= set(given) <= names | flags:
        raise _refused("expected list, release, type and authority in the query, each thing once and nothing unknown")
    for name in flags & set(given):
        if query[name] not in _FLAGS:
            raise _refused(f"{name}: expected true or false")
    for name in names & set(given):
        check_text(name, query[name])
    check_list_id(query["list"])
    check_release(query["release"])
    asked = ImportAsked(
        upload="",
        list_id=query["list"],
        list_type=query["type"],
        release=query["release"],
        authority=query["authority"],
        format=query.get("format", "auto"),
        algorithm=query.get("algorithm"),
        scheme=query.get("scheme"),
        category=query.get("category"),
        unsigned=_FLAGS[query.get("unsigned", "false")],
        activate=_FLAGS[query.get("activate", "true")],
    )
    import_request(asked)
    return asked


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", detail)


_LIST_ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_TYPE: Final = {"type": "string", "enum": list(ListType)}
_RELEASE_NAME: Final = {**schemas.TOLD, "maxLength": 128}
_BOOLEAN: Final = {"type": "boolean"}
_LISTS: Final = schemas.members(
    {
        "lists": schemas.array(
            schemas.members(
                {"list": schemas.TEXT, "release": schemas.TEXT, "type": _TYPE, "active": _BOOLEAN},
                {
                    "authority": schemas.TEXT,
                    "signature": schemas.TEXT,
                    "imported": schemas.WHEN,
                    "generation": schemas.TEXT,
                    "entries": schemas.COUNT,
                    "digests": {"type": "object", "additionalProperties": schemas.COUNT},
                },
            )
        )
    }
)
_IMPORT: Final = run_schema(
    schemas.members(
        {
            "list_id": schemas.TEXT,
            "list_type": schemas.TEXT,
            "release": schemas.TEXT,
            "authority": schemas.TEXT,
            "format": schemas.TEXT,
            **{name: schemas.nullable(schemas.TEXT) for name in ("algorithm", "scheme", "category")},
            "unsigned": _BOOLEAN,
            "activate": _BOOLEAN,
        }
    )
)
_CHANGED: Final = schemas.members({"list": schemas.TEXT, "release": schemas.TEXT, "active": _BOOLEAN})
_LIST_PARAMETER: Final = Parameter("list", "path", _LIST_ID, "The list's id.", required=True)


def _query(name: str, schema: schemas.Schema, description: str, *, required: bool = False) -> Parameter:
    return Parameter(name, "query", schema, description, required)


_DECLARED: Final = (
    _query("list", _LIST_ID, "The list's id, the same for all its releases.", required=True),
    _query("release", _RELEASE_NAME, "Unique for the list.", required=True),
    _query("type", _TYPE, "What being listed means.", required=True),
    _query("authority", schemas.TOLD, "Who issues the list, and under what authority it is used.", required=True),
    _query("format", {"type": "string", "enum": ["auto", *FORMATS]}, "Else it is recognised by its content."),
    _query("algorithm", schemas.ALGORITHM, "Which digests an unlabelled list holds."),
    _query("scheme", schemas.TOLD, "The scheme that gives category numbers their meaning."),
    _query("category", schemas.TOLD, "The category of every entry, for a list that has none of its own."),
    _query("unsigned", _BOOLEAN, "Accept a list that nobody has signed; every report will say so."),
    _query("activate", _BOOLEAN, "false: build and verify it only."),
)

ROUTES: Final = (
    Route(
        "GET",
        "/v1/lists",
        list_lists,
        Permission.SEE_LISTS,
        "Which lists there are; to those who may see counts, every release and what is in it.",
        answers={200: {JSON: _LISTS}},
    ),
    Route(
        "POST",
        "/v1/lists",
        import_list,
        Permission.CHANGE_LISTS,
        "Import a list file. It is taken in whole or not at all, while look-ups go on.",
        answers={202: {JSON: _IMPORT}},
        bodies={OCTETS: schemas.BYTES},
        parameters=(
            *_DECLARED,
            idempotency.PARAMETER,
            Parameter(
                content_digest.HEADER, "header", content_digest.SCHEMA, "RFC 9530, sha-256; checked when it is sent."
            ),
        ),
        takes_long=True,
    ),
    Route(
        "POST",
        "/v1/lists/{list}/activate",
        activate_release,
        Permission.CHANGE_LISTS,
        "Make a release that is there the active one of its list.",
        answers={200: {JSON: _CHANGED}},
        bodies={JSON: schemas.members({"release": _RELEASE_NAME})},
        parameters=(_LIST_PARAMETER,),
    ),
    Route(
        "POST",
        "/v1/lists/{list}/retire",
        retire_list,
        Permission.CHANGE_LISTS,
        "Take a list out of use; its releases stay in the store.",
        answers={200: {JSON: _CHANGED}},
        parameters=(_LIST_PARAMETER,),
    ),
    Route(
        "GET",
        "/v1/imports/{id}",
        see_import,
        Permission.SEE_LIST_COUNTS,
        "How far an import is, and what came of it.",
        answers={200: {JSON: _IMPORT}},
        parameters=(ID_PARAMETER,),
    ),
    Route(
        "DELETE",
        "/v1/imports/{id}",
        cancel_import,
        Permission.CHANGE_LISTS,
        "End an import that is under way; the store is then as it was.",
        answers={202: {JSON: _IMPORT}},
        parameters=(ID_PARAMETER,),
    ),
)
