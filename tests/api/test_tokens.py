"""Tokens over HTTP: made and revoked by admins alone, and at once for every process of the service."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.config import Settings
from tests.api.scanning import Client, client
from tests.api.service import Running, serving
from tests.madeup import digests, take_in, write_list
from tests.runs.supervised import until

LISTED = digests(50)
ABSENT = digests(1000, "absent")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("service")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(settings, write_list(base / "list", LISTED))
    with serving(settings, "--workers", "2") as running:
        yield running


@pytest.fixture
async def admin(service: Running) -> AsyncIterator[Client]:
    async with client(service, Role.ADMIN) as somebody:
        yield somebody


async def create(admin: Client, status: int = 201, **wanted: Any) -> Any:
    return await admin.ask("POST", "/v1/tokens", {"name": "somebody", "role": "examiner"} | wanted, status=status)


async def asked(
    service: Running, secret: str, listed: list[bytes], path: str = "/v1/lookups"
) -> tuple[int, Any, Mapping[str, str]]:
    """Ask on a connection of its own, so that each process has its turn."""
    headers = {"Authorization": f"Bearer {secret}"}
    question = {"algorithm": "md5", "digests": [digest.hex() for digest in listed]}
    async with (
        aiohttp.ClientSession(service.base, headers=headers) as session,
        session.post(path, json=question) as response,
    ):
        return response.status, await response.json(content_type=None), response.headers


def events(service: Running, action: str) -> list[dict[str, Any]]:
    trail = (service.settings.store / "audit" / "trail.jsonl").read_bytes()
    return [event for event in map(orjson.loads, trail.splitlines()) if event["action"] == action]


async def test_a_token_that_was_made_opens_what_it_is_for(service: Running, admin: Client) -> None:
    """With the role, cases, end and budgets that were asked for; its secret is shown this once."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    budget = {"requests": 10, "digests": 1000, "misses": 500}
    made = await create(admin, name="Workstation 4", cases=["17"], expires=ends.isoformat(), budget=budget)
    described = made["token"]
    assert (described["name"], described["role"], described["cases"], described["state"], described["budget"]) == (
        "Workstation 4", "examiner", ["17"], "active", budget,
    )  # fmt: skip
    token = service.tokens.authenticate(made["secret"], datetime.now(UTC))
    assert (token.id, token.expires, token.budget) == (described["id"], ends, Budget(10, 1000, 500))
    assert (await asked(service, made["secret"], LISTED[:1]))[0] == 200
    shown = await admin.ask("GET", "/v1/tokens")
    assert described in shown["tokens"]
    assert made["secret"][16:] not in orjson.dumps(shown).decode()
    assert made["secret"][16:] not in service.log.read_text()


async def test_a_zone_is_minded(service: Running, admin: Client) -> None:
    """An end in another zone is the same moment."""
    made = await create(admin, expires="2099-01-01T02:00:00+02:00")
    assert made["token"]["expires"] == "2099-01-01T00:00:00Z"


async def test_a_revocation_holds_at_once_in_every_process(service: Running, admin: Client) -> None:
    """Not one request more is answered, whichever process it comes to; again it changes nothing."""
    for _ in range(5):
        made = await create(admin)
        for _ in range(4):
            assert (await asked(service, made["secret"], LISTED[:1]))[0] == 200
        path = f"/v1/tokens/{made['token']['id']}"
        revoked = (await admin.ask("DELETE", path))["token"]
        assert revoked["state"] == "revoked"
        for _ in range(6):
            status, answer, _headers = await asked(service, made["secret"], LISTED[:1])
            assert (status, answer["code"]) == (401, "access.not_authenticated")
        assert (await admin.ask("DELETE", path))["token"] == revoked


async def test_only_admins_change_tokens(service: Running, admin: Client) -> None:
    """Nobody else sees, makes or revokes one; nor does an admin look anything up."""
    token_id = (await create(admin))["token"]["id"]
    for role in set(Role) - {Role.ADMIN}:
        async with client(service, role) as somebody:
            await somebody.ask("GET", "/v1/tokens", status=403)
            await create(somebody, 403, role="admin")
            await somebody.ask("DELETE", f"/v1/tokens/{token_id}", status=403)
    await admin.ask("POST", "/v1/lookups", {"algorithm": "md5", "digests": []}, status=403)
    await admin.ask("GET", "/v1/lists", status=403)
    await admin.ask("GET", "/v1/scans", status=403)
    async with aiohttp.ClientSession(service.base) as nobody:
        for method, path in (("GET", "/v1/tokens"), ("POST", "/v1/tokens"), ("DELETE", f"/v1/tokens/{token_id}")):
            async with nobody.request(method, path) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": ""}, {"name": "x" * 101}, {"name": "a\nb"}, {"name": "5a" * 16}, {"name": 7}, {"name": None},
        {"role": "root"}, {"role": "ADMIN"}, {"cases": "17"}, {"cases": [""]}, {"cases": ["17"] * 101},
        {"role": "admin", "cases": ["17"]}, {"expires": "tomorrow"}, {"expires": "2099-01-01"},
        {"expires": "2099-01-01T00:00:00"}, {"expires": "2020-01-01T00:00:00Z"}, {"expires": 1},
        {"expires": "9999-12-31T23:59:59-12:00"}, {"budget": None}, {"budget": {"misses": 0}},
        {"budget": {"misses": -1}}, {"budget": {"misses": 1e3}}, {"budget": {"misses": True}},
        {"budget": {"misses": 10**12 + 1}}, {"budget": {"misses": 10**30}}, {"budget": {"hits": 1}}, {"id": "0" * 12},
    ],
)  # fmt: skip
async def test_what_makes_no_token(service: Running, admin: Client, wanted: dict[str, Any]) -> None:
    """It is refused with a reason, and nothing is made."""
    before = service.tokens.all()
    answer = await create(admin, 422, **wanted)
    assert answer["code"] in ("usage", "request.invalid")
    assert service.tokens.all() == before


async def test_no_such_token(service: Running, admin: Client) -> None:
    """An id that none has is a 404, in whatever form."""
    for token_id in ("0" * 12, "x", "%00", "5a" * 32, "%2E%2E"):
        answer = await admin.ask("DELETE", f"/v1/tokens/{token_id}", status=404)
        assert token_id not in orjson.dumps(answer).decode()


async def test_changes_are_on_the_record(service: Running, admin: Client) -> None:
    """Who made or revoked which token for whom, with which role and budgets; never a secret."""
    made = await create(admin, name="On the record", role="examiner", budget={"misses": 7})
    token_id = made["token"]["id"]
    await admin.ask("DELETE", f"/v1/tokens/{token_id}")
    admins = {token.id for token in service.tokens.all() if token.role is Role.ADMIN}
    found = [event for event in events(service, "token_change") if "On the record" in event.get("subject", "")]
    assert all(event["role"] == "admin" and event["actor"] in admins for event in found)
    assert all(event["origin"] == "127.0.0.1" for event in found)
    assert [(event["subject"], event["outcome"], event.get("reason"), event.get("counts", {})) for event in found] == [
        (f"{token_id} On the record", "done", "created: examiner", {"misses_an_hour": 7}),
        (f"{token_id} On the record", "begun", None, {}),
        (f"{token_id} On the record", "done", "revoked: examiner", {"misses_an_hour": 7}),
    ]
    assert made["secret"][16:] not in (service.settings.store / "audit" / "trail.jsonl").read_text()


async def test_a_budget_of_misses_is_exact_for_all_processes(service: Running, admin: Client) -> None:
    """Of absent digests asked one by one, as many are answered as the budget says; each refusal says when again."""
    made = await create(admin, budget={"misses": 100})
    answered = 0
    for digest in ABSENT[:150]:
        status, answer, headers = await asked(service, made["secret"], [digest])
        if status == 200:
            answered += 1
            continue
        assert (status, answer["code"]) == (429, "access.budget_spent")
        assert 3500 < int(headers["Retry-After"]) <= 3615
    assert answered == 100
    # That a listed one would be answered with the budget spent would tell it from an absent one.
    assert (await asked(service, made["secret"], LISTED[:1]))[0] == 429
    assert [event["reason"] for event in events(service, "budget_spent") if event["actor"] == made["token"]["id"]]


async def test_hits_are_given_back(service: Running, admin: Client) -> None:
    """What is listed costs nothing of a budget of misses, however often it is asked."""
    made = await create(admin, budget={"misses": 50})
    for _ in range(20):
        assert (await asked(service, made["secret"], LISTED))[0] == 200
    assert (await asked(service, made["secret"], LISTED[:25] + ABSENT[:25]))[0] == 200
    assert (await asked(service, made["secret"], LISTED[:26]))[0] == 429
    assert (await asked(service, made["secret"], LISTED[:25]))[0] == 200


async def test_budgets_of_requests_and_digests(service: Running, admin: Client) -> None:
    """Each is counted by itself; what can never fit has no Retry-After."""
    made = await create(admin, budget={"requests": 5, "digests": 60})
    status, answer, headers = await asked(service, made["secret"], ABSENT[:61])
    assert (status, answer["code"]) == (429, "access.budget_spent")
    assert "Retry-After" not in headers
    assert [(await asked(service, made["secret"], ABSENT[:20]))[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    async with client(service, Role.ADMIN, budget=Budget(requests=2)) as other:
        for status in (200, 200, 429):
            await other.ask("GET", "/v1/tokens", status=status)


async def test_who_goes_on_with_a_spent_budget_is_recorded_once_a_second(service: Running, admin: Client) -> None:
    """However many requests come; the events together say how many there were."""
    made = await create(admin, budget={"requests": 1})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    async with aiohttp.ClientSession(service.base, headers=headers) as session:
        statuses = []
        for _ in range(300):
            async with session.get("/v1/lists") as response:
                statuses.append(response.status)
    assert statuses == [200] + [429] * 299

    def told() -> list[dict[str, Any]]:
        return [event for event in events(service, "budget_spent") if event["actor"] == made["token"]["id"]]

    await until(lambda: sum(event["counts"]["requests"] for event in told()) == 299)
    assert len(told()) < 100


async def test_what_fails_costs_no_misses(settings: Settings, tmp_path: Path) -> None:
    """A store that cannot answer leaves the budget whole for when it can."""
    stored = take_in(settings, write_list(tmp_path / "list", LISTED)).stored
    with serving(settings) as service:
        async with client(service, Role.ADMIN) as admin:
            made = await create(admin, budget={"misses": 50})
        assert (await asked(service, made["secret"], LISTED))[0] == 200
        for table in (stored.directory / "db").glob("*.ldb"):
            octet = table.read_bytes()[1000]
            table.chmod(0o600)
            with table.open("r+b") as file:  # in place: the service has it mapped
                file.seek(1000)
                file.write(bytes([octet ^ 1]))
        for _ in range(3):
            status, answer, _headers = await asked(service, made["secret"], LISTED)
            assert (status, answer["code"]) == (503, "store.damaged")


async def test_what_cannot_be_recorded_costs_no_misses(settings: Settings, tmp_path: Path) -> None:
    """Nor does an answer that nobody got because its event could not be written."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    with serving(settings) as service:
        async with client(service, Role.ADMIN) as admin:
            for _ in range(30):  # so that the trail is longer than the file of budgets, which has to be written still
                made = await create(admin, budget={"misses": 50})
        assert (await asked(service, made["secret"], ABSENT[:1]))[0] == 200
        (worker,) = service.workers()
        trail = settings.store / "audit" / "trail.jsonl"
        before = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (trail.stat().st_size, before[1]))
        for _ in range(3):
            status, answer, _headers = await asked(service, made["secret"], ABSENT[:49])
            assert (status, answer["code"]) == (503, "audit.unwritable")
        resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
        assert (await asked(service, made["secret"], ABSENT[:49]))[0] == 200
        assert (await asked(service, made["secret"], ABSENT[:1]))[0] == 429
