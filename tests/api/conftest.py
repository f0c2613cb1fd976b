"""What the tests of the service share: one that runs for a whole file, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from hashmatch.config import Settings
from hashmatch.hashlists.entries import ListType
from tests.api.service import Running, bearer, serving
from tests.madeup import MD5, SHA256, digests, take_in, write_list

LISTED = digests(2000)
KNOWN = digests(500, "known", SHA256)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a store with a notable list of MD5s and a known one of SHA-256s."""
    base = tmp_path_factory.mktemp("service")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(
        settings, write_list(base / "n.md5", LISTED), "national", "2026-09", scheme="demo", category="1", algorithm=MD5
    )
    known = write_list(base / "k.sha256", KNOWN)
    take_in(settings, known, "software", "3", algorithm=SHA256, list_type=ListType.KNOWN)
    return settings


@pytest.fixture(scope="module")
def service(places: Settings) -> Iterator[Running]:
    with serving(places) as running:
        yield running


@pytest.fixture(scope="module")
def examiner(places: Settings) -> dict[str, str]:
    return bearer(places)


@pytest.fixture
async def client(service: Running, examiner: dict[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client that is an examiner."""
    async with aiohttp.ClientSession(service.base, headers=examiner) as session:
        yield session
