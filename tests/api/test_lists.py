"""Lists over HTTP: seen, imported, activated, retired."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from hashmatch.access.roles import Role
from hashmatch.config import Settings
from tests.api.scanning import Client, client, md5s
from tests.api.service import Running, serving
from tests.madeup import digests, missed, take_in, write_list
from tests.runs.supervised import until

OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("service")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(settings, write_list(base / "list", md5s()))
    with serving(settings, "--workers", "2") as running:
        yield running


@pytest.fixture
async def custodian(service: Running) -> AsyncIterator[Client]:
    async with client(service, Role.CUSTODIAN) as somebody:
        yield somebody


def about(list_id: str, release: str = "1", **more: str) -> dict[str, str]:
    said = {"list": list_id, "release": release, "type": "notable", "authority": "nobody: made up"}
    return said | {"algorithm": "md5", "unsigned": "true"} | more


def content(listed: list[bytes]) -> bytes:
    return b"".join(digest.hex().encode() + b"\n" for digest in listed)


async def upload(
    somebody: Client, query: dict[str, str], body: Any, status: int = 202, headers: dict[str, str] | None = None
) -> Any:
    sent = somebody.session.post("/v1/lists", params=query, data=body, headers=OCTETS | (headers or {}))
    async with sent as response:
        answer = await response.json(content_type=None)
        assert response.status == status, answer
        if status == 202:
            assert response.headers["Location"] == f"/v1/imports/{answer['id']}"
        return answer


async def imported(somebody: Client, query: dict[str, str], listed: list[bytes]) -> Any:
    run = await upload(somebody, query, content(listed))
    return await somebody.ended(f"/v1/imports/{run['id']}")


async def test_an_upload_becomes_the_active_release(service: Running, custodian: Client) -> None:
    """An upload is imported while the service answers; the next look-up is made with it, by every process."""
    listed = digests(50, "uploaded")
    run = await imported(custodian, about("uploaded"), listed)
    assert (run["state"], run["counts"]["entries"], run["result"]["active"]) == ("complete", 50, "yes")
    assert "upload" not in run["request"]
    async with client(service) as examiner:
        for _ in range(6):
            question = {"algorithm": "md5", "digests": [listed[0].hex()]}
            answer = await examiner.ask("POST", "/v1/lookups", question)
            assert answer["results"][0]["flags"][0]["list"] == "uploaded"
    assert list((service.settings.store / "service" / "uploads").iterdir()) == []


async def test_a_release_is_activated_and_retired(service: Running, custodian: Client) -> None:
    """A release that was left inactive is put to use, another taken back, and the list retired."""
    first, second = digests(5, "first"), digests(5, "second")
    await imported(custodian, about("two"), first)
    run = await imported(custodian, about("two", "2", activate="false"), second)
    assert run["result"]["active"] == "no"
    assert (missed(service.settings, first), missed(service.settings, second)) == (0, 5)
    answer = await custodian.ask("POST", "/v1/lists/two/activate", {"release": "2"})
    assert answer == {"list": "two", "release": "2", "active": True}
    assert (missed(service.settings, first), missed(service.settings, second)) == (5, 0)
    assert await custodian.ask("POST", "/v1/lists/two/retire") == {"list": "two", "release": "2", "active": False}
    assert missed(service.settings, second) == 5
    recorded = map(orjson.loads, (service.settings.store / "audit" / "trail.jsonl").read_bytes().splitlines())
    ours = [event for event in recorded if event.get("subject", "").startswith("two")]
    assert {event["actor"] for event in ours} == {run["owner"]}
    assert [(event["action"], event["outcome"], event["subject"]) for event in ours] == [
        ("import", "begun", "two 1"),
        ("import", "done", "two 1"),
        ("activation", "done", "two 1"),
        ("import", "begun", "two 2"),
        ("import", "done", "two 2"),
        ("activation", "begun", "two 2"),
        ("activation", "done", "two 2"),
        ("retirement", "begun", "two"),
        ("retirement", "done", "two 2"),
    ]
    assert (await custodian.ask("POST", "/v1/lists/two/retire", status=409))["code"] == "list.not_active"
    answer = await custodian.ask("POST", "/v1/lists/two/activate", {"release": "3"}, status=404)
    assert answer["code"] == "list.no_such_release"
    await custodian.ask("POST", "/v1/lists/-/retire", status=422)


async def test_who_sees_what_of_lists(service: Running, custodian: Client) -> None:
    """Custodians and auditors see every release and its counts, examiners the names of those that are active."""
    await imported(custodian, about("seen"), digests(7, "seen"))
    await imported(custodian, about("seen", "2"), digests(8, "seen"))
    everything = (await custodian.ask("GET", "/v1/lists"))["lists"]
    mine = [item for item in everything if item["list"] == "seen"]
    assert [(item["release"], item["active"], item["entries"]) for item in mine] == [("1", False, 7), ("2", True, 8)]
    assert mine[0]["digests"] == {"md5": 7}
    async with client(service, Role.AUDITOR) as auditor:
        assert (await auditor.ask("GET", "/v1/lists"))["lists"] == everything
    async with client(service) as examiner:
        names = (await examiner.ask("GET", "/v1/lists"))["lists"]
    assert [item for item in names if item["list"] == "seen"] == [
        {"list": "seen", "release": "2", "type": "notable", "active": True}
    ]


async def test_a_refused_list(service: Running, custodian: Client) -> None:
    """A list that is refused says why and at which line, and leaves nothing."""
    body = content(digests(3, "wrong")) + b"d41d8cd98f00\n"
    run = await upload(custodian, about("wrong"), body)
    run = await custodian.ended(f"/v1/imports/{run['id']}")
    assert (run["state"], run["code"], run["resumable"]) == ("failed", "list.format", False)
    assert "line 4" in run["reason"]
    assert not re.search("[0-9a-f]{12}", run["reason"])
    assert not [item for item in (await custodian.ask("GET", "/v1/lists"))["lists"] if item["list"] == "wrong"]
    again = await imported(custodian, about("uploaded-twice"), digests(1))
    again = await imported(custodian, about("uploaded-twice"), digests(1))
    assert (again["state"], again["code"]) == ("failed", "list.duplicate_release")


@pytest.mark.parametrize(
    "wrong",
    [
        {"list": "-"},
        {"list": "../x"},
        {"release": ""},
        {"type": "bad"},
        {"authority": "\x07"},
        {"authority": "0" * 32},
        {"format": "magic"},
        {"algorithm": "crc32"},
        {"unsigned": "yes"},
        {"activate": "1"},
        {"upload": "/etc/passwd"},
    ],
)
async def test_what_cannot_be_declared(service: Running, custodian: Client, wrong: dict[str, str]) -> None:
    """What is declared is looked at before the upload is received."""
    assert (await upload(custodian, about("x") | wrong, b"", 422))["code"] in ("usage", "request.invalid")
    for missing in ("list", "release", "type", "authority"):
        query = about("x")
        del query[missing]
        await upload(custodian, query, b"", 422)
    uploads = service.settings.store / "service" / "uploads"
    assert not uploads.exists() or not list(uploads.iterdir())


async def test_content_digest(service: Running, custodian: Client) -> None:
    """An upload that is not what its Content-Digest says is refused and gone."""
    body = content(digests(4, "checked"))
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    good = {"Content-Digest": f"sha-256=:{digest}:"}
    run = await upload(custodian, about("checked"), body, headers=good)
    assert (await custodian.ended(f"/v1/imports/{run['id']}"))["state"] == "complete"
    for octets, header in (
        (body[:-1], good),
        (body, {"Content-Digest": "md5=:AAAA:"}),
        (body, {"Content-Digest": "x"}),
    ):
        answer = await upload(custodian, about("checked", "2"), octets, 400, header)
        assert answer["code"] == "upload.content_digest"
    assert list((service.settings.store / "service" / "uploads").iterdir()) == []


async def test_an_upload_that_breaks_off(service: Running, custodian: Client) -> None:
    """What was received of an upload whose client goes away is removed."""
    uploads = service.settings.store / "service" / "uploads"

    async def breaking() -> AsyncIterator[bytes]:
        yield b"0123456789abcdef" * 1000
        await until(lambda: list(uploads.glob("*")))
        raise RuntimeError

    with pytest.raises((RuntimeError, aiohttp.ClientError)):
        await upload(custodian, about("broken"), breaking())
    async with client(service, Role.CUSTODIAN) as other:
        await imported(other, about("after-broken"), digests(1))
    assert list(uploads.iterdir()) == []


async def test_cancelling_an_import(custodian: Client) -> None:
    """An import that is under way or waits is cancelled; one that has ended is not."""
    large = await upload(custodian, about("large"), io.BytesIO(content(digests(300_000, "large"))))
    waiting = await upload(custodian, about("waiting"), content(digests(3, "waiting")))
    for run in (waiting, large):
        await custodian.ask("DELETE", f"/v1/imports/{run['id']}", status=202)
        assert (await custodian.ended(f"/v1/imports/{run['id']}"))["state"] == "cancelled"
        assert (await custodian.ask("DELETE", f"/v1/imports/{run['id']}", status=409))["code"] == "run.not_possible"
    names = {item["list"] for item in (await custodian.ask("GET", "/v1/lists"))["lists"]}
    assert not names & {"large", "waiting"}


async def test_imports_and_scans_are_not_mixed_up(
    tmp_path_factory: pytest.TempPathFactory, service: Running, custodian: Client
) -> None:
    """An import is no scan; who sees lists' counts sees imports, an examiner does not."""
    run = await imported(custodian, about("mixed"), digests(1))
    async with client(service) as examiner, client(service, Role.AUDITOR) as auditor:
        assert (await auditor.ask("GET", f"/v1/imports/{run['id']}"))["id"] == run["id"]
        await auditor.ask("GET", f"/v1/scans/{run['id']}", status=404)
        await examiner.ask("GET", f"/v1/imports/{run['id']}", status=403)
        await auditor.ask("GET", f"/v1/imports/{'0' * 32}", status=404)
