"""`POST /v1/streams`: a file's content in, its flags out. What comes is hashed and let go."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import web

from hashmatch.access.roles import Permission
from hashmatch.api import content_digest, schemas
from hashmatch.api.asking import LookUp
from hashmatch.api.bodies import JSON, OCTETS, check_type, pieces
from hashmatch.api.hashing import Content
from hashmatch.api.lookups import CASE_PARAMETER, case_in
from hashmatch.api.problems import RequestRefused
from hashmatch.api.questions import Questions
from hashmatch.api.routes import Call, Parameter, Route
from hashmatch.digests import Algorithm
from hashmatch.lookup_records import Record
from hashmatch.store.snapshot import Snapshot


async def match_stream(call: Call) -> web.Response:
    """Hash a body as it arrives and look its digests up."""
    request, service = call.request, call.service
    check_type(request, OCTETS)
    sent, case = _sent_digests(request), case_in(request)
    held = await service.pinned.take()
    try:
        content = await _hashed(call, held.pin.snapshot, sent)
        digests = content.digests()
        sha512 = None if content.sha512 is None else content.sha512.digest()
        if not content_digest.agree(sent, digests, sha512):
            raise RequestRefused(
                HTTPStatus.BAD_REQUEST, "stream.content_digest", "the content that arrived is not the content sent"
            )
        listed = {algorithm: digests[algorithm] for algorithm in held.pin.snapshot.algorithms}
        read = partial(_question, listed, content.size, case)
        asked = LookUp(call.caller, held.pin, read, 0, request.remote)
        answer = await service.desk.answer(asked, service.pinned.kept(held))
    finally:
        service.pinned.give_back(held)
    service.metrics.hashed(content.size)
    return web.Response(body=answer, content_type=JSON)


async def _hashed(call: Call, snapshot: Snapshot, sent: dict[str, bytes]) -> Content:
    """Return the digests of the body: the next piece is received while one is hashed."""
    hashing = call.service.hashing
    algorithms = sorted({*snapshot.algorithms, *content_digest.algorithms_of(sent)})
    content = hashing.begin(algorithms, sha512=content_digest.SHA512 in sent)
    under_way: asyncio.Task[None] | None = None
    held: list[bytes] = []
    length = 0
    try:
        async for piece in pieces(call.request, call.service.settings.limits, None):
            held.append(piece)
            length += len(piece)
            if length >= hashing.stretch:
                if under_way is not None:
                    await under_way
                under_way = asyncio.create_task(hashing.update(content, held))
                held, length = [], 0
    finally:
        try:
            if under_way is not None:
                await under_way
        finally:
            hashing.end()
    if held:
        await hashing.update(content, held)
    return content


def _sent_digests(request: web.Request) -> dict[str, bytes]:
    header = content_digest.sent(request)
    if header is None:
        return {}
    try:
        return content_digest.parse(header)
    except ValueError as error:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "stream.content_digest", f"Content-Digest: {error}") from None


def _question(digests: dict[Algorithm, bytes], size: int, case: str | None) -> Questions:
    return Questions(case, frozenset({tuple(digests)}), records=[Record(digests, size)])


ROUTES: Final = (
    Route(
        "POST",
        "/v1/streams",
        match_stream,
        Permission.LOOK_UP,
        "Whether a file's content, of any length, is on the active lists. It is hashed as it arrives and never kept.",
        answers={200: {JSON: schemas.RESULTS}},
        bodies={OCTETS: schemas.BYTES},
        parameters=(
            CASE_PARAMETER,
            Parameter(content_digest.HEADER, "header", content_digest.SCHEMA, "RFC 9530; checked when it is sent."),
        ),
        takes_long=True,
    ),
)
