"""Asking a real service for scans and imports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hashmatch.access.roles import Role
from hashmatch.config import Settings
from hashmatch.runs import files
from hashmatch.runs.locks import holder
from tests.api.service import Running, bearer
from tests.runs.supervised import until

ENDED = ("complete", "incomplete", "interrupted", "failed", "cancelled")
LISTED = [f"made up: listed {number}".encode() for number in range(3)]
UNLISTED = b"made up: not listed"


def md5s() -> list[bytes]:
    return [hashlib.md5(content).digest() for content in LISTED]


def make_source(root: Path, name: str, *, endless: bool = False) -> Path:
    """Make a source of four files, three of them listed; an endless one has another that takes minutes to read."""
    source = root / name
    source.mkdir()
    for number, content in enumerate(LISTED):
        (source / f"listed-{number}").write_bytes(content)
    (source / "=other,\n.txt").write_bytes(UNLISTED)
    (source / "=listed.txt").write_bytes(LISTED[0])
    if endless:
        with (source / "z-large").open("wb") as file:
            file.truncate(1 << 40)
    return source


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody with a token."""

    session: aiohttp.ClientSession
    runs: Path

    async def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        """Return what the JSON of an answer says."""
        async with self.session.request(method, path, json=body, headers=headers) as response:
            answer = await response.json(content_type=None)
            assert response.status == status, answer
            return answer

    async def scan(self, source: Path, **options: Any) -> Any:
        body = {"source": str(source), "workers": 1, "allow_writable": "made for a test", **options}
        return await self.ask("POST", "/v1/scans", body, status=202)

    async def ended(self, path: str) -> Any:
        """Wait until a run has ended."""
        while True:
            run = await self.ask("GET", path)
            if run["state"] in ENDED:
                return run

    async def scanned(self, source: Path, **options: Any) -> Any:
        return await self.ended(f"/v1/scans/{(await self.scan(source, **options))['id']}")

    async def reading(self, run_id: str) -> int:
        """Wait until a scan is amid its evidence, and return its process."""
        directory = self.runs / run_id
        await until(lambda: (directory / files.EVENTS).exists() and (directory / files.EVENTS).stat().st_size)
        return await until(lambda: holder(directory / files.LOCK))


@asynccontextmanager
async def client(service: Running, role: Role = Role.EXAMINER, **about: Any) -> AsyncIterator[Client]:
    headers = bearer(service.settings, role, **about)
    async with aiohttp.ClientSession(service.base, headers=headers) as session:
        yield Client(session, runs_of(service.settings))


def runs_of(settings: Settings) -> Path:
    return settings.store / "service" / "runs"


def lines(octets: bytes) -> list[Any]:
    return [orjson.loads(line) for line in octets.splitlines()]


def kill(process: int, number: int) -> None:
    os.kill(process, number)
