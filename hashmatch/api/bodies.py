"""Reading the body of a request: bounded in size and in time, and of the type that was agreed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import HttpVersion11, web

from hashmatch.api.problems import RequestRefused, problem
from hashmatch.api.settings import Limits

_T = TypeVar("_T")

JSON = "application/json"
OCTETS = "application/octet-stream"


def check_type(request: web.Request, *accepted: str) -> str:
    """Return the media type of the body.

    Raises:
        RequestRefused: it is none of those accepted, or the body is compressed: what a body inflates to is not
            bounded by what was sent, and what is hashed must not be another's form of it.
    """
    given = request.headers.get("Content-Type", "")
    media_type = given if given in accepted else request.content_type
    if not given or media_type not in accepted:  # aiohttp takes what has no type for octets
        raise RequestRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "request.media_type", f"expected a body of {' or '.join(accepted)}"
        )
    codings = request.headers.getall("Transfer-Encoding", ["chunked"])
    if "Content-Encoding" in request.headers or [coding.strip().lower() for coding in codings] != ["chunked"]:
        detail = "expected a body without content encoding, and no transfer coding but chunked"
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "request.content_encoding", detail)
    return media_type


async def go_on(request: web.Request) -> web.Response | None:
    """Tell a client that waits for it to send its body; return what is said to one that expects something else.

    aiohttp's own answer to that repeats what was expected.
    """
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() != "100-continue":
        detail = "expected no Expect header but 100-continue"
        response = problem(HTTPStatus.EXPECTATION_FAILED, "request.expect", detail)
        response.force_close()
        return response
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None


async def pieces(request: web.Request, limits: Limits, limit: int | None) -> AsyncIterator[bytes]:
    """Yield the body as it comes, in pieces of any size.

    Raises:
        RequestRefused: it is longer than `limit` bytes, too slow, or breaks off.
    """
    if limit is not None and (request.content_length or 0) > limit:
        raise _too_long(limit)
    content = request.content
    loop = asyncio.get_running_loop()
    started, taken = loop.time(), 0
    while True:
        try:
            async with asyncio.timeout_at(started + limits.stall_seconds + taken / limits.pace):
                piece = await content.readany()
        except TimeoutError:
            detail = f"the body came at less than {limits.pace} bytes a second"
            raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT, "request.too_slow", detail) from None
        except (web.RequestPayloadError, ConnectionError):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "request.body", "the body broke off") from None
        if not piece:
            return
        taken += len(piece)
        if limit is not None and taken > limit:
            raise _too_long(limit)
        yield piece


async def whole(request: web.Request, limits: Limits) -> bytes:
    """Return the body of a request that fits in memory.

    Raises:
        RequestRefused: as `pieces` says.
    """
    if request.content.is_eof() and request.content.total_bytes <= limits.body:
        # All of a small request is there with its first packet; a timer for it would cost more than a look-up.
        return await request.content.readany()
    return b"".join([piece async for piece in pieces(request, limits, limits.body)])


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """Return what a JSON body says.

    Raises:
        RequestRefused: it is no JSON, or says something else than was agreed on. The message of the decoder names
            the place and what was expected there, and never what was found.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", _plain(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "request.json", "expected a body of well-formed JSON") from None


def _plain(error: msgspec.ValidationError) -> str:
    text = str(error)
    # An unknown field is named as the client wrote it, and a client may have written a digest there.
    return "expected an object without unknown fields" if "unknown field" in text else text


def _too_long(limit: int) -> RequestRefused:
    return RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_long", f"expected at most {limit} bytes")
