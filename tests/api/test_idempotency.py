"""Requests that are sent again because their answer was lost."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashmatch.access.roles import Role
from hashmatch.api import idempotency
from hashmatch.config import Settings
from tests.api.scanning import Client, client, make_source, md5s
from tests.api.service import Running, serving
from tests.madeup import digests, take_in, write_list


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("service")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(settings, write_list(base / "list", md5s()))
    make_source(root, "image")
    with serving(settings, "--workers", "2", "--evidence-root", root) as running:
        yield running


@pytest.fixture
async def examiner(service: Running) -> AsyncIterator[Client]:
    async with client(service) as somebody:
        yield somebody


def answered(service: Running) -> Path:
    return service.settings.store / "service" / "answered"


async def send(somebody: Client, root: Path, key: str, status: int = 202, **more: Any) -> Any:
    body = {"source": str(root / "image"), "allow_writable": "made for a test", **more}
    return await somebody.ask("POST", "/v1/scans", body, status=status, headers={"Idempotency-Key": key})


async def test_the_same_request_again(examiner: Client, root: Path) -> None:
    """The same key gives the same answer to the letter, quoted or not, and one scan; also once that has ended."""
    first = await send(examiner, root, '"key-1"')
    assert await send(examiner, root, '"key-1"') == first
    await examiner.ended(f"/v1/scans/{first['id']}")
    assert await send(examiner, root, "key-1") == first
    assert [scan["id"] for scan in (await examiner.ask("GET", "/v1/scans"))["scans"]] == [first["id"]]
    assert (await send(examiner, root, '"key-2"'))["id"] != first["id"]


async def test_another_request(examiner: Client, root: Path) -> None:
    """A key that was used for another request is refused."""
    await send(examiner, root, "key")
    assert (await send(examiner, root, "key", 422, case="1"))["code"] == "idempotency.other_request"


async def test_keys_are_a_tokens_own(service: Running, examiner: Client, root: Path) -> None:
    """The same key of another token is another key."""
    first = await send(examiner, root, "shared")
    async with client(service) as other:
        assert (await send(other, root, "shared", case="1"))["id"] != first["id"]


@pytest.mark.parametrize("key", ["", '""', '"', '"a', 'a"b', "a b", '"\\x"', "a" * 256, "caf\u00e9"])
async def test_what_is_no_key(examiner: Client, root: Path, key: str) -> None:
    """A key that is none is refused, and nothing is done."""
    assert (await send(examiner, root, key, 400))["code"] == "idempotency.key"


@pytest.mark.parametrize("key", ['"a b"', r'"a\"b\\c"', "a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a" * 255])
async def test_what_is_a_key(examiner: Client, root: Path, key: str) -> None:
    """A string of a structured field is a key, and so is one without its quotes."""
    await send(examiner, root, key)


async def test_a_refused_request_is_forgotten(examiner: Client, root: Path) -> None:
    """After a refusal the key is free: nothing was done with it."""
    await send(examiner, root, "mended", 422, workers=0)
    await send(examiner, root, "mended", 422, source="/")
    await send(examiner, root, "mended")


async def test_while_the_first_is_answered(service: Running, root: Path) -> None:
    """A request with a key that is being answered is refused, by every process of the service."""
    async with client(service, Role.CUSTODIAN) as custodian:
        about = "list=slow&release=1&type=notable&authority=nobody&algorithm=md5&unsigned=true&activate=false"
        headers = {"Idempotency-Key": "upload", "Content-Type": "application/octet-stream"}
        content = b"".join(digest.hex().encode() + b"\n" for digest in digests(10))
        go_on = asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            yield content[:5]
            await go_on.wait()
            yield content[5:]

        async def post(body: Any) -> Any:
            async with custodian.session.post(f"/v1/lists?{about}", data=body, headers=headers) as response:
                return response.status, await response.json(content_type=None)

        first = asyncio.create_task(post(slow_body()))
        async with asyncio.timeout(30):
            while not list((service.settings.store / "service" / "uploads").glob("*")):
                await asyncio.sleep(0.01)
        statuses = [(await post(content))[0] for _ in range(6)]
        go_on.set()
        status, answer = await first
        assert (status, statuses) == (202, [409] * 6)
        assert await post(content) == (202, answer)
        assert (await post(content[:-1]))[0] == 422
        assert (await custodian.ended(f"/v1/imports/{answer['id']}"))["state"] == "complete"
        assert list((service.settings.store / "service" / "uploads").iterdir()) == []


async def test_a_process_that_died_before_it_answered(service: Running, examiner: Client, root: Path) -> None:
    """Where a run was made but its answer not kept, the next request finds the run; where none was made, it is made."""
    run = await send(examiner, root, "lost")
    (entry,) = (path for path in answered(service).iterdir() if run["id"].encode() in path.read_bytes())
    kept = msgspec.json.decode(entry.read_bytes())
    entry.write_bytes(msgspec.json.encode(kept | {"status": 0, "body": ""}))
    assert (await send(examiner, root, "lost"))["id"] == run["id"]
    other = "0" * 31 + "1"
    entry.write_bytes(msgspec.json.encode(kept | {"status": 0, "body": "", "run": other}))
    assert (await send(examiner, root, "lost"))["id"] == other
    assert (await send(examiner, root, "lost"))["id"] == other
    entry.write_bytes(b"nonsense")
    assert (await send(examiner, root, "lost", 503))["code"] == "run.damaged"


async def test_keys_are_kept_for_a_day(service: Running, examiner: Client, root: Path) -> None:
    """A key older than that is forgotten; one that is in use is not."""
    first = await send(examiner, root, "old")
    (entry,) = (path for path in answered(service).iterdir() if first["id"].encode() in path.read_bytes())
    long_ago = time.time() - idempotency.RETENTION - 1
    os.utime(entry, (long_ago, long_ago))
    os.utime(answered(service) / ".swept", (long_ago, long_ago))
    with entry.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        await send(examiner, root, "another")
        assert entry.exists()
    os.utime(answered(service) / ".swept", (long_ago, long_ago))
    await send(examiner, root, "third")
    assert not entry.exists()
    assert (await send(examiner, root, "old"))["id"] != first["id"]


async def test_settings_are_private(settings: Settings, service: Running, examiner: Client, root: Path) -> None:
    """What is kept is readable by the service alone, and holds no key as it was sent."""
    await send(examiner, root, "a-key-that-nobody-else-sees")
    for path in answered(service).iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert b"nobody-else" not in path.read_bytes() + path.name.encode()
