"""Look-ups over HTTP."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import orjson
import pytest

from hashmatch.digests import Algorithm
from hashmatch.hashlists.junk import empty_file
from tests.api.conftest import KNOWN, LISTED
from tests.madeup import MD5, SHA256, digests

ABSENT = digests(300, "absent")
NO_MATCH = {"outcome": "no_match", "flags": []}
NATIONAL = {
    "list": "national",
    "release": "2026-09",
    "type": "notable",
    "scheme": "demo",
    "category": "1",
    "strength": "weak_only",
}
MATCH = {"outcome": "match", "flags": [NATIONAL]}


async def ask(client: aiohttp.ClientSession, question: object, status: int = 200) -> dict[str, Any]:
    body = io.BytesIO(orjson.dumps(question))
    async with client.post("/v1/lookups", data=body, headers={"Content-Type": "application/json"}) as response:
        answer = await response.json(content_type=None)
        assert response.status == status, answer
        assert isinstance(answer, dict)
        return answer


async def test_results_come_in_order(client: aiohttp.ClientSession) -> None:
    """Each digest has its result at its place; which lists could answer is said beside the snapshot."""
    asked = [digest for pair in zip(LISTED, ABSENT, strict=False) for digest in pair]
    answer = await ask(client, {"algorithm": "md5", "digests": [digest.hex() for digest in asked]})
    assert answer["results"] == [MATCH, NO_MATCH] * len(ABSENT)
    assert answer["compared"] == [{"list": "national", "release": "2026-09"}]
    assert answer["not_compared"] == [{"list": "software", "release": "3"}]
    assert len(answer["snapshot"]) == 64


async def test_a_hundred_thousand(client: aiohttp.ClientSession) -> None:
    """A request of 100,000 digests is answered whole; one of more is refused whole."""
    asked = [*digests(98_000, "many"), *LISTED]
    body = {"algorithm": "md5", "digests": [digest.hex() for digest in asked]}
    answer = await ask(client, body)
    assert [result["outcome"] for result in answer["results"]] == ["no_match"] * 98_000 + ["match"] * 2000
    body["digests"] = [*body["digests"], "0" * 32]
    assert (await ask(client, body, 413))["code"] == "request.too_long"


async def test_raw_digests(client: aiohttp.ClientSession) -> None:
    """Machines may send digests as they are, end to end; nothing but the algorithm goes beside them."""
    headers = {"Content-Type": "application/octet-stream", "Hashmatch-Algorithm": "md5"}
    body = b"".join([*LISTED[:3], *ABSENT[:2]])
    async with client.post("/v1/lookups", data=body, headers=headers) as response:
        answer = await response.json()
    assert answer["results"] == [MATCH] * 3 + [NO_MATCH] * 2
    async with client.post("/v1/lookups", data=body[:-1], headers=headers) as response:
        assert response.status == 422
        assert (await response.json(content_type=None))["position"] == 4


async def test_records_are_judged_by_the_match_rule(client: aiohttp.ClientSession) -> None:
    """A record of several digests is found by any of them, and as strong as those that agree."""
    records: list[dict[str, object]] = [
        {"md5": LISTED[0].hex(), "sha256": digests(1, "x", SHA256)[0].hex()},
        {"md5": ABSENT[0].hex(), "sha256": KNOWN[0].hex(), "size": 12},
        {"sha1": digests(1, "y", Algorithm.SHA1)[0].hex(), "md5": ABSENT[1].hex()},
        {"md5": LISTED[1].hex(), "size": 0},
    ]
    results = (await ask(client, {"records": records}))["results"]
    assert [result["outcome"] for result in results] == ["match", "match", "no_match", "excluded"]
    assert [flag["strength"] for result in results for flag in result["flags"]] == ["weak_only", "strong"]


async def test_the_empty_file_is_excluded(client: aiohttp.ClientSession) -> None:
    """The digest of the empty file is not looked up."""
    answer = await ask(client, {"algorithm": "md5", "digests": [empty_file(MD5).hex()]})
    assert answer["results"] == [{"outcome": "excluded", "flags": []}]


@pytest.mark.parametrize(
    ("question", "status", "code", "position"),
    [
        ({"algorithm": "md5", "digests": ["00" * 16, "00" * 15]}, 422, "query.not_a_digest", 1),
        ({"algorithm": "md5", "digests": ["zz" * 16]}, 422, "query.not_a_digest", 0),
        ({"algorithm": "md5", "digests": ["\u0660" * 32]}, 422, "query.not_a_digest", 0),
        ({"records": [{"md5": "00" * 16}, {}]}, 422, "query.not_a_digest", 1),
        ({"records": [{"md5": "00" * 16, "size": -1}]}, 422, "query.not_a_digest", 0),
        ({"algorithm": "sha1", "digests": ["00" * 20]}, 409, "query.algorithm_not_listed", None),
        ({"algorithm": "crc32", "digests": []}, 422, "query.algorithm", None),
        ({"algorithm": "md5"}, 422, "request.invalid", None),
        ({"algorithm": "md5", "digests": [], "records": []}, 422, "request.invalid", None),
        ({"algorithm": "md5", "digests": [7]}, 422, "request.invalid", None),
        ({"digests": [], "algorithm": "md5", "d41d8cd98f00b204e9800998ecf8427e": 1}, 422, "request.invalid", None),
        ([], 422, "request.invalid", None),
    ],
)
async def test_refusals(
    client: aiohttp.ClientSession, question: object, status: int, code: str, position: int | None
) -> None:
    """What cannot be asked is refused whole, with its place and a stable code, and without what stood there."""
    answer = await ask(client, question, status)
    assert (answer["code"], answer.get("position"), answer["status"]) == (code, position, status)
    assert "d41d8cd98f00b204e9800998ecf8427e" not in orjson.dumps(answer).decode()


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "request.json"),
        (b"[" * 100_000, {}, 422, "request.invalid"),
        (b"", {}, 400, "request.json"),
        (b"\xff", {}, 400, "request.json"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "request.media_type"),
        (b"{}", {"Content-Encoding": "gzip"}, 415, "request.content_encoding"),
        (b"", {"Content-Type": "application/octet-stream"}, 422, "query.algorithm"),
    ],
)
async def test_bodies_that_are_no_question(
    client: aiohttp.ClientSession, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """A body of another type, or that is no JSON, is refused."""
    sent = {"Content-Type": "application/json"} | headers
    async with client.post("/v1/lookups", data=body, headers=sent) as response:
        answer = await response.json(content_type=None)
        assert response.content_type == "application/problem+json"
    assert (answer["status"], answer["code"]) == (status, code)


async def test_nothing_without_a_token(client: aiohttp.ClientSession) -> None:
    """Without a token, or with one that nobody was given, there is no answer."""
    for value in ("", "Bearer", "Bearer x", "Basic Zm9vOmJhcg==", "Bearer hm_000000000000_" + "A" * 43):
        async with client.post("/v1/lookups", json={}, headers={"Authorization": value}) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert (await response.json(content_type=None))["code"] == "access.not_authenticated"
