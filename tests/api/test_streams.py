"""Streaming a file's content through the service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.api import content_digest
from hashmatch.config import Settings
from hashmatch.digests import Algorithm
from tests.api.service import Running, bearer, serving
from tests.madeup import MD5, take_in, write_list

OCTETS = {"Content-Type": "application/octet-stream"}
CONTENT = bytes(range(256)) * 9000  # 2.2 MiB: several pieces


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("streams")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    listed = [hashlib.md5(CONTENT).digest(), hashlib.md5(b"x").digest()]
    take_in(settings, write_list(base / "l.md5", listed), algorithm=MD5)
    with serving(settings) as running:
        yield running


@pytest.fixture
async def streams(service: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(service.base, headers=bearer(service.settings) | OCTETS) as session:
        yield session


async def in_pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]
        await asyncio.sleep(0)


async def test_content_in_flags_out(streams: aiohttp.ClientSession) -> None:
    """Whether it comes whole or in chunks of any size, content has the flags of its digest."""
    for content, outcome in ((CONTENT, "match"), (b"x", "match"), (CONTENT[:-1], "no_match"), (b"", "excluded")):
        for size in (1 << 20, 65_537, 1 << 12):
            async with streams.post("/v1/streams", data=in_pieces(content, size)) as response:
                answer = await response.json(content_type=None)
                assert response.status == 200, answer
            assert [result["outcome"] for result in answer["results"]] == [outcome]
        async with streams.post("/v1/streams", data=io.BytesIO(content)) as response:
            assert (await response.json())["results"][0]["outcome"] == outcome


async def test_many_streams_at_once(streams: aiohttp.ClientSession) -> None:
    """Streams that come side by side are kept apart."""

    async def outcome(content: bytes, size: int) -> str:
        async with streams.post("/v1/streams", data=in_pieces(content, size)) as response:
            return str((await response.json())["results"][0]["outcome"])

    asked = [(CONTENT if number % 2 else CONTENT[number:-1], 10_000 + 997 * number) for number in range(40)]
    outcomes = await asyncio.gather(*(outcome(content, size) for content, size in asked))
    assert outcomes == ["no_match", "match"] * 20


async def test_what_was_sent_is_checked(streams: aiohttp.ClientSession) -> None:
    """A Content-Digest that is not that of what arrived fails the request, whichever algorithm it is of."""
    names = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5", "sha": "sha1"}
    for name, label in names.items():
        for content, status in ((CONTENT, 200), (CONTENT + b"!", 400)):
            digest = base64.b64encode(hashlib.new(label, content).digest()).decode()
            headers = {"Content-Digest": f"unknown=:AA==:, {name}=:{digest}:"}
            async with streams.post("/v1/streams", data=io.BytesIO(CONTENT), headers=OCTETS | headers) as response:
                assert response.status == status
    async with streams.post("/v1/streams", data=b"", headers={"Content-Digest": "sha-256=abc"}) as response:
        assert response.status == 400
        assert (await response.json(content_type=None))["code"] == "stream.content_digest"


async def test_a_body_that_breaks_off_has_no_answer(streams: aiohttp.ClientSession) -> None:
    """Content that did not arrive whole is never answered for."""
    url = streams._build_url("/v1/streams")
    assert url.host is not None
    assert url.port is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /v1/streams HTTP/1.1\r\nHost: x\r\nAuthorization: {streams.headers['Authorization']}\r\n"
    writer.write(f"{head}Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\n".encode() + b"x" * 50)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    assert b"200 OK" not in answer
    assert b"match" not in answer


@given(st.dictionaries(st.sampled_from(["md5", "sha", "sha-256", "sha-512"]), st.binary(max_size=99)))
def test_digest_headers_are_read(members: dict[str, bytes]) -> None:
    """A header of digests of the right length is read; one of another length is refused."""
    header = ", ".join(f"{name}=:{base64.b64encode(octets).decode()}:" for name, octets in members.items())
    sizes = {"md5": 16, "sha": 20, "sha-256": 32, "sha-512": 64}
    right = all(len(octets) == sizes[name] for name, octets in members.items())
    if right and members:
        assert content_digest.parse(header) == members
    else:
        with pytest.raises(ValueError, match="expected"):
            content_digest.parse(header)


@given(st.text())
def test_other_headers_are_refused(header: str) -> None:
    """Whatever a client sends is read or refused, and never read as something to be skipped in silence."""
    try:
        digests = content_digest.parse(header)
    except ValueError:
        return
    assert all(name in header for name in digests)


def test_which_algorithms_a_header_needs() -> None:
    """The digests to compute are those of the header that lists have, too."""
    assert content_digest.algorithms_of({"md5": b"", "sha-512": b""}) == {Algorithm.MD5}
