"""`Idempotency-Key`: a request that is sent again, because its answer was lost, is not done again.

As draft-ietf-httpapi-idempotency-key-header-07 has it: the same key with the same request gives the answer that was
given, with another request 422, and 409 while the first is being answered. Keys are those of a token, and are kept for
`RETENTION`.

A file is kept for each key, locked while its request is being answered. It holds the id of the run before that is made.
So where a process dies in between, the next request with the key finds whether there is a run, and neither makes two
nor takes one for made that is not there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from hashmatch.api.problems import RequestRefused
from hashmatch.api.routes import Call, Parameter
from hashmatch.api.runs import described, in_thread
from hashmatch.errors import HashmatchError, RunDamaged, RunNotFound
from hashmatch.runs.record import Run
from hashmatch.runs.register import Register, new_id
from hashmatch.store.catalogue import writing
from hashmatch.store.durable import make_directories

HEADER: Final = "Idempotency-Key"
PARAMETER: Final = Parameter(
    HEADER,
    "header",
    {"type": "string", "pattern": r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$'},
    "A text of your own, quoted or not: the request is done once, however often it is sent within a day.",
)
RETENTION: Final = 24 * 3600.0  # seconds

# A structured field's string (RFC 8941, 3.3.3), or the same without its quotes.
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
_BARE: Final = re.compile(r"[!#-\[\]-~]+")
_LONGEST: Final = 255
_MARK: Final = ".swept"
_SWEEP_EVERY: Final = 3600.0  # seconds


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept for a key; `status` and `body` once it was answered."""

    fingerprint: str
    run: str
    status: int = 0
    body: str = ""


class Once:
    """One request with a key, for as long as it is being answered."""

    def __init__(self, descriptor: int | None, path: Path, register: Register) -> None:
        """Take over a file that is locked; `descriptor` is None for a request without a key."""
        self._descriptor = descriptor
        self._path = path
        self._register = register
        self._entry: _Entry | None = None

    def begin(self, fingerprint: str) -> tuple[str, web.Response | None]:
        """Return the id for the run that the request makes, and the answer where there is one already.

        Args:
            fingerprint: equal for equal requests and for no others.

        Raises:
            RequestRefused: the key was used for another request.
            RunDamaged: what was kept is not what was written.
            StoreUnwritable: the disk refuses.
        """
        if self._descriptor is None:
            return new_id(), None
        entry = self._kept()
        if entry is None:
            self._keep(_Entry(fingerprint, new_id()))
            assert self._entry is not None
            return self._entry.run, None
        self._entry = entry
        if entry.fingerprint != fingerprint:
            detail = "the key was used for another request"
            raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency.other_request", detail)
        if entry.status:
            run = self._register.get(entry.run)
            response = described(run, entry.status)
            response.body = entry.body.encode()
            return entry.run, response
        with suppress(RunNotFound):
            return entry.run, described(self._register.get(entry.run), HTTPStatus.ACCEPTED)
        return entry.run, None

    def answered(self, run: Run, status: int) -> web.Response:
        """Keep the answer that is about to be given, and return it.

        Raises:
            StoreUnwritable: the disk refuses; the run is there all the same.
        """
        response = described(run, status)
        if self._entry is not None:
            assert isinstance(response.body, bytes)
            self._keep(_Entry(self._entry.fingerprint, self._entry.run, status, response.body.decode()))
        return response

    def refused(self) -> None:
        """Keep nothing of a request that was refused, unless its run is there."""
        if self._descriptor is None or self._entry is None or self._entry.status:
            return
        try:
            self._register.directory(self._entry.run)
        except RunNotFound:
            with suppress(OSError):
                os.unlink(self._path)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _kept(self) -> _Entry | None:
        assert self._descriptor is not None
        content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        if not content:
            return None
        try:
            return msgspec.json.decode(content, type=_Entry)
        except msgspec.DecodeError:
            raise RunDamaged(f"{self._path}: not what was written") from None

    def _keep(self, entry: _Entry) -> None:
        """Write in place: the lock is on this file, and one that replaced it would not be locked."""
        assert self._descriptor is not None
        content = msgspec.json.encode(entry)
        with writing(self._path.parent):
            os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, len(content))
            os.fsync(self._descriptor)
        self._entry = entry


@asynccontextmanager
async def once(call: Call) -> AsyncIterator[Once]:
    """Answer a request once, if it has a key.

    Raises:
        RequestRefused: the key is none, or its first request is being answered.
        StoreUnwritable: the disk refuses.
    """
    key = _key(call.request)
    directory = call.service.settings.state / "answered"
    register = call.service.runs.register
    if key is None:
        yield Once(None, directory, register)
        return
    name = hashlib.sha256(f"{call.caller.id} {key}".encode()).hexdigest()
    held = await in_thread(_hold, directory, directory / name, register)
    try:
        yield held
    except HashmatchError:
        await in_thread(held.refused)
        raise
    finally:
        held.close()


def fingerprint(request: web.Request, body_sha256: bytes) -> str:
    """Return what tells a request from another: its path, its query and its body."""
    parts = (request.method, request.path, request.query_string, body_sha256.hex())
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _key(request: web.Request) -> str | None:
    text = request.headers.get(HEADER)
    if text is None:
        return None
    quoted = _QUOTED.fullmatch(text.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text.strip()
    if len(key) > _LONGEST or not (quoted or _BARE.fullmatch(key)):
        detail = f"{HEADER}: expected 1 to {_LONGEST} printable characters of ASCII"
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "idempotency.key", detail)
    return key


def _hold(directory: Path, path: Path, register: Register) -> Once:
    with writing(directory):
        make_directories(directory)
        _sweep(directory)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                detail = "the first request with this key is being answered"
                raise RequestRefused(HTTPStatus.CONFLICT, "idempotency.under_way", detail) from None
            # Between the two lines above it may have been removed; what was locked is then nobody's file.
            if os.fstat(descriptor).st_nlink:
                return Once(descriptor, path, register)
            os.close(descriptor)


def _sweep(directory: Path) -> None:
    """Remove what has been kept for long enough; looked for once an hour."""
    mark, now = directory / _MARK, time.time()
    if mark.exists() and now - mark.stat().st_mtime < _SWEEP_EVERY:
        return
    mark.touch(mode=0o600)
    for path in directory.iterdir():
        with suppress(FileNotFoundError):  # other processes sweep as well
            if now - path.stat().st_mtime > RETENTION:
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file, unless its request is being answered."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)
