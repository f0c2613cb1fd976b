"""CIRCL hashlookup's paths, asked by PyHashlookup and others: known files alone, by those who have a token."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pyhashlookup import Hashlookup

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.config import Settings
from hashmatch.hashlists.entries import ListType
from tests.api.service import Running, bearer, serving
from tests.madeup import MD5, SHA1, SHA256, digests, take_in, write_list

KNOWN = {algorithm: digests(20, "known", algorithm) for algorithm in (MD5, SHA1, SHA256)}
NOTABLE, ABSENT = digests(5, "notable"), digests(5, "absent")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Lists of known files by three algorithms, with sizes, and of notable ones by MD5."""
    place = tmp_path_factory.mktemp("hashlookup")
    settings = Settings(place / "store", place / "keys" / "sealing.key")
    rows = [f"{a.hex()},{b.hex()},{c.hex()},{n}" for n, (a, b, c) in enumerate(zip(*KNOWN.values(), strict=True))]
    (place / "table.csv").write_text("\n".join(["md5,sha1,sha256,size", *rows]) + "\n")
    take_in(settings, place / "table.csv", "reference", "2026.1", list_type=ListType.KNOWN, algorithm=None)
    take_in(settings, write_list(place / "notable", NOTABLE), "notable")
    return settings


@pytest.fixture(scope="module")
def service(store: Settings) -> Iterator[Running]:
    with serving(store, "--hashlookup") as running:
        yield running


@pytest.fixture(scope="module")
def secret(store: Settings) -> str:
    return bearer(store)["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def client(service: Running, secret: str) -> Iterator[Hashlookup]:
    """PyHashlookup as it is, told an address alone: the token stands in it as the password."""
    asking = Hashlookup(service.base.replace("://", f"://examiner:{secret}@"))
    with asking.session:
        yield asking


def events(service: Running) -> list[dict[str, Any]]:
    lines = (service.settings.store / "audit" / "trail.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event.get("action") == "look_up"]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def ask(service: Running, headers: Mapping[str, str], path: str, body: object = None) -> tuple[int, str, Any]:
    async with (
        aiohttp.ClientSession(service.base, headers=headers) as session,
        session.request("GET" if body is None else "POST", path, json=body) as response,
    ):
        return response.status, response.content_type, await response.json(content_type=None)


@pytest.mark.parametrize(("algorithm", "key"), [(MD5, "MD5"), (SHA1, "SHA-1"), (SHA256, "SHA-256")])
def test_pyhashlookup_finds_what_is_known(client: Hashlookup, algorithm: Any, key: str) -> None:
    """A file by each of its digests, in either case: the digest asked for, the size, the list and its release."""
    for text in (KNOWN[algorithm][7].hex(), KNOWN[algorithm][7].hex().upper()):
        expected = {key: text.upper(), "FileSize": "7", "source": "reference", "db": "reference 2026.1"}
        assert client.lookup(text) == expected


@pytest.mark.parametrize(
    ("octets", "name"), [(ABSENT[0], "MD5"), (NOTABLE[0], "MD5"), (digests(1, "no", SHA1)[0], "SHA-1")]
)
def test_pyhashlookup_is_told_what_is_not_known(client: Hashlookup, octets: bytes, name: str) -> None:
    """Of a digest that nobody has and of one on a list of notable files alone, the same is said."""
    assert client.lookup(octets.hex()) == {"message": f"Non existing {name}", "query": octets.hex()}


def test_pyhashlookup_asks_in_bulk(client: Hashlookup) -> None:
    """Of many, those that are known are told; the others, and what is no digest, are left out, as hashlookup does."""
    asked = [*KNOWN[MD5], *ABSENT, *NOTABLE]
    found = client.lookup([octets.hex() for octets in asked])
    assert isinstance(found, list)
    assert [one["MD5"] for one in found] == [octets.hex().upper() for octets in KNOWN[MD5]]
    assert [one["SHA-1"] for one in client.sha1_bulk_lookup([KNOWN[SHA1][3].hex(), "not a digest", ""])] == [
        KNOWN[SHA1][3].hex().upper()
    ]
    assert client.md5_bulk_lookup([]) == []


def test_pyhashlookup_shows_what_is_asked(client: Hashlookup) -> None:
    """The lists of known files by name, without counts; nothing of other lists."""
    info: dict[str, Any] = client.info()
    assert info["lists"] == ["reference 2026.1"]
    assert set(info) == {"hashlookup-version", "hashmatch-version", "snapshot", "lists"}


async def test_sha256_in_bulk(service: Running, secret: str) -> None:
    """The path that hashlookup itself has not."""
    headers = {"Authorization": f"Bearer {secret}"}
    body = {"hashes": [octets.hex() for octets in KNOWN[SHA256]]}
    status, _, found = await ask(service, headers, "/bulk/sha256", body)
    assert status == 200
    assert [one["SHA-256"] for one in found] == [octets.hex().upper() for octets in KNOWN[SHA256]]


async def test_what_is_asked_wrongly(service: Running, secret: str) -> None:
    """Messages are hashlookup's where it has one, and never repeat what was sent but a digest that is not known."""
    headers = {"Authorization": f"Bearer {secret}"}
    text = KNOWN[MD5][0].hex()
    for wrong in (text[1:], text + "0", text[:-1] + "g", "%20"):
        status, _, said = await ask(service, headers, f"/lookup/md5/{wrong}")
        assert (status, said) == (400, {"message": "MD5 value incorrect, expecting a MD5 value in hex format"})
    status, _, said = await ask(service, headers, "/bulk/md5", {"digests": [text]})
    assert status == 404
    assert said["message"].startswith("JSON format incorrect")
    for body in ({"hashes": text}, {"hashes": [1]}, [text]):
        status, kind, said = await ask(service, headers, "/bulk/md5", body)
        assert (status, kind, said["code"]) == (422, "application/problem+json", "request.invalid")
    status, _, said = await ask(service, headers, "/bulk/md5", {"hashes": [""] * 100_001})
    assert (status, said["code"]) == (413, "request.too_long")
    status, _, said = await ask(service, headers, f"/lookup/crc32/{text}")
    assert (status, said["code"]) == (422, "query.algorithm")
    assert text not in json.dumps(said)


async def test_who_may_ask(service: Running, store: Settings, secret: str) -> None:
    """Nobody without a token, and no role that may not look digests up; a token is taken as a password too."""
    text = KNOWN[MD5][0].hex()
    paths = [(f"/lookup/md5/{text}", None), ("/bulk/md5", {"hashes": [text]}), ("/info", None)]
    for path, body in paths:
        assert (await ask(service, {}, path, body))[0] == 401
        for role in Role:
            expected = 200 if role is Role.EXAMINER else 403
            assert (await ask(service, bearer(store, role), path, body))[0] == expected, (role, path)
        for wrong in ("Basic", "Basic ?", "Basic QQ==", basic(secret, "")["Authorization"]):
            assert (await ask(service, {"Authorization": wrong}, path, body))[0] == 401
        assert (await ask(service, basic("anyone", secret), path, body))[0] == 200
    status, _, _ = await ask(
        service,
        basic("anyone", secret),
        "/v1/lookups",
        {"algorithm": "md5", "digests": [text]},
    )
    assert status == 401


async def test_every_answer_is_recorded_and_no_digest_is(service: Running, store: Settings) -> None:
    """An event for each request says who asked how many for which case; no event, figure or log has a digest."""
    headers = bearer(store, cases=("17",))
    asked = [*KNOWN[MD5][:3], *ABSENT[:2]]
    before = len(events(service))
    await ask(service, headers, "/bulk/md5", {"hashes": [octets.hex() for octets in asked]})
    await ask(service, headers, f"/lookup/md5/{ABSENT[3].hex()}")
    await ask(service, headers, f"/lookup/md5/{ABSENT[3].hex()}x")
    first, second = events(service)[before:]
    assert first["counts"] == {"requests": 1, "items": 5, "matches": 3, "no_match": 2}
    assert second["counts"] == {"requests": 1, "items": 1, "matches": 0, "no_match": 1}
    assert {event["case"] for event in (first, second)} == {"17"}
    metrics = await metrics_of(service, bearer(store, Role.AUDITOR))
    written = service.log.read_text() + metrics + (store.store / "audit" / "trail.jsonl").read_text()
    for octets in [*asked, ABSENT[3]]:
        assert octets.hex() not in written.lower()


async def metrics_of(service: Running, headers: Mapping[str, str]) -> str:
    async with aiohttp.ClientSession(service.base, headers=headers) as session, session.get("/metrics") as response:
        assert response.status == 200
        return await response.text()


async def test_budgets_hold_here_as_well(service: Running, store: Settings) -> None:
    """Digests and misses are spent; where they are, there is no answer."""
    headers = bearer(store, budget=Budget(misses=3))
    for _ in range(3):
        assert (await ask(service, headers, f"/lookup/md5/{KNOWN[MD5][0].hex()}"))[0] == 200
        assert (await ask(service, headers, f"/lookup/md5/{ABSENT[0].hex()}"))[0] == 404
    status, _, said = await ask(service, headers, f"/lookup/md5/{ABSENT[1].hex()}")
    assert (status, said["code"]) == (429, "access.budget_spent")


async def test_the_description_has_the_paths(service: Running) -> None:
    """OpenAPI names them where they are served, and both ways to give a token."""
    status, _, document = await ask(service, {}, "/openapi.json")
    assert status == 200
    assert document["paths"]["/bulk/{algorithm}"]["post"]["security"] == [{"token": []}, {"password": []}]


async def test_what_no_list_of_known_files_can_answer(settings: Settings, tmp_path: Path) -> None:
    """Without such a list, or with none of that algorithm, there is an error and not an absence."""
    take_in(settings, write_list(tmp_path / "notable", NOTABLE), "notable")
    with serving(settings, "--hashlookup") as running:
        headers = bearer(settings)
        for path in (f"/lookup/md5/{ABSENT[0].hex()}", "/info"):
            status, _, said = await ask(running, headers, path)
            assert (status, said["code"]) == (503, "list.none_active")
        take_in(settings, write_list(tmp_path / "known", KNOWN[MD5]), "known", list_type=ListType.KNOWN)
        status, _, said = await ask(running, headers, f"/lookup/sha256/{KNOWN[SHA256][0].hex()}")
        assert (status, said["code"]) == (409, "query.algorithm_not_listed")
        status, _, said = await ask(running, headers, f"/lookup/md5/{KNOWN[MD5][0].hex()}")
        assert status == 200


async def test_it_is_off_unless_asked_for(settings: Settings) -> None:
    """A service without the option has none of these paths."""
    with serving(settings) as running:
        headers = bearer(settings)
        for path in (f"/lookup/md5/{ABSENT[0].hex()}", "/info"):
            status, _, said = await ask(running, headers, path)
            assert (status, said["code"]) == (404, "request.path")
        assert "/info" not in (await ask(running, {}, "/openapi.json"))[2]["paths"]
