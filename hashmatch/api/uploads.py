"""A list file on its way in: written to disk as it arrives, and gone unless an import takes it over."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from hashmatch.api import content_digest
from hashmatch.api.bodies import pieces
from hashmatch.api.problems import RequestRefused
from hashmatch.api.routes import Call
from hashmatch.api.runs import in_thread
from hashmatch.store.catalogue import writing
from hashmatch.store.durable import make_directories

_BLOCK: Final = 1 << 20
_SHA256: Final = "sha-256"


@dataclass(slots=True)
class Upload:
    """A file that was received whole.

    Attributes:
        sha256: of its content.
        taken: an import sees to its removal from now on.
    """

    path: Path
    sha256: bytes
    taken: bool = False


@asynccontextmanager
async def received(call: Call, name: str) -> AsyncIterator[Upload]:
    """Receive the body into a file of this name, and remove it at the end unless it is `taken`.

    Raises:
        RequestRefused: it is too long, too slow, breaks off, or is not what its Content-Digest says.
        StoreUnwritable: the disk refuses.
    """
    path = call.service.runs.uploads / name
    expected = _expected(call.request)
    upload = None
    try:
        upload = Upload(path, await _write(call, path))
        if expected is not None and upload.sha256 != expected:
            detail = "the content that arrived is not the content sent"
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "upload.content_digest", detail)
        yield upload
    finally:
        if upload is None or not upload.taken:
            with suppress(OSError):
                os.unlink(path)


async def _write(call: Call, path: Path) -> bytes:
    """Write the body to a file and return its SHA-256."""
    limits = call.service.settings.limits
    digest = hashlib.sha256()
    descriptor = await in_thread(_create, path)
    try:
        held, length = [], 0
        async for piece in pieces(call.request, limits, limits.list_file):
            held.append(piece)
            length += len(piece)
            if length >= _BLOCK:
                await in_thread(_append, descriptor, path, digest, b"".join(held))
                held, length = [], 0
        await in_thread(_append, descriptor, path, digest, b"".join(held))
    finally:
        os.close(descriptor)
    return digest.digest()


def _create(path: Path) -> int:
    with writing(path.parent):
        make_directories(path.parent)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _append(descriptor: int, path: Path, digest: hashlib._Hash, octets: bytes) -> None:
    digest.update(octets)
    view = memoryview(octets)
    with writing(path.parent):
        while view:
            view = view[os.write(descriptor, view) :]


def _expected(request: web.Request) -> bytes | None:
    """Return the SHA-256 that the body is to have, where one was sent."""
    header = content_digest.sent(request)
    if header is None:
        return None
    try:
        return content_digest.parse(header)[_SHA256]
    except (ValueError, KeyError):
        detail = f"{content_digest.HEADER}: expected {_SHA256}=:base64:"
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "upload.content_digest", detail) from None
