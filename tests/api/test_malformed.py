"""Requests that are wrong: refused, or not answered at all; never an error of the service, never an echo."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from random import Random

import aiohttp
import orjson
import pytest

from hashmatch.access.roles import Role
from hashmatch.api.application import ROUTES
from hashmatch.api.bodies import JSON, OCTETS
from hashmatch.config import Settings
from tests.api.conftest import LISTED
from tests.api.malformed import Maker, Target, Wrong
from tests.api.processes import MEBIBYTE, forget_most_memory, memory, most_memory
from tests.api.scanning import runs_of
from tests.api.service import Running, bearer, serving
from tests.api.test_roles import MAY
from tests.madeup import figures

AT_ONCE = 100
QUIET = 0.2  # seconds after which no further answer is waited for; those that come later are in the log
MOST_MEMORY = 128 * MEBIBYTE  # more than before; bodies of some megabytes are being read side by side

QUESTION = {"algorithm": "md5", "digests": [digest.hex() for digest in LISTED[:3]]}
BODIES = {
    "/v1/lookups": orjson.dumps(QUESTION),
    "/v1/scans": b'{"source": "/nowhere"}',
    "/v1/lists/{list}/activate": b'{"release": "none"}',
}
QUERIES = {"/v1/lists": "?list=none&release=1&type=known&authority=nobody&format=nsrl"}


@pytest.fixture(scope="module")
def service(places: Settings) -> Iterator[Running]:
    with serving(places, "--evidence-root", places.store.parent / "keys") as running:
        yield running


def targets(service: Running) -> list[Target]:
    """Return every route as it is asked when nothing is wrong, by somebody who may."""
    tokens = {role: bearer(service.settings, role)["Authorization"] for role in Role}
    made = []
    for route in ROUTES:
        path = route.path.format(id="0" * 32, list="none") + QUERIES.get(route.path, "") * (route.method == "POST")
        who = next((role for role in Role if role in MAY[f"{route.method} {route.path}"]), Role.EXAMINER)
        kinds = tuple(route.bodies) or ("",)
        made += [Target(route.method, path, tokens[who], kind, body_of(route.path, kind)) for kind in kinds]
    return made


def body_of(path: str, kind: str) -> bytes:
    return {JSON: BODIES.get(path, b"{}"), OCTETS: b"0123456789abcdef" * 10}.get(kind, b"")


async def sent(port: int, octets: bytes) -> bytes:
    """Send something, and return what comes back within a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(octets)
        async with asyncio.timeout(QUIET) as quiet:
            while piece := await reader.read(1 << 16):
                answer += piece
                quiet.reschedule(asyncio.get_running_loop().time() + QUIET)
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
    return answer


async def judged(port: int, wrong: Wrong, statuses: Counter[str]) -> None:
    answer = await sent(port, wrong.octets)
    found = [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3})", answer, re.MULTILINE)]
    assert max(found, default=0) < 500, (wrong, answer)
    assert b"Traceback" not in answer, (wrong, answer)
    assert wrong.mark.encode() not in answer.lower(), (wrong, answer)
    statuses.update([str(status) for status in found] or ["none"])


async def send_wrong(service: Running, count: int, seed: int) -> Counter[str]:
    """Send so many requests, `AT_ONCE` side by side; return what statuses came back."""
    made = Maker(seed, targets(service)).requests(count)
    statuses: Counter[str] = Counter()

    async def send_some() -> None:
        for wrong in made:
            await judged(service.port, wrong, statuses)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(send_some())
    return statuses


async def check(service: Running, count: int, seed: int) -> str:
    before, logged, workers = memory(service.workers()), service.log.stat().st_size, service.workers()
    forget_most_memory(workers)
    statuses = await send_wrong(service, count, seed)
    assert service.workers() == workers
    more = most_memory(workers) - before
    assert more <= MOST_MEMORY
    log = service.log.read_bytes()[logged:]
    assert [line for line in log.splitlines() if b'"level":"info"' not in line] == []
    assert re.search(rb'"status":5\d\d', log) is None
    runs = {path.name for path in runs_of(service.settings).glob("*")}
    assert {found.decode() for found in re.findall(rb"[0-9a-fA-F]{32,}", log)} <= runs
    async with (
        aiohttp.ClientSession(service.base, headers=bearer(service.settings)) as session,
        session.post("/v1/lookups", json=QUESTION) as response,
    ):
        assert [result["outcome"] for result in (await response.json())["results"]] == ["match"] * 3
    answers = dict(sorted(statuses.items()))
    return f"{count} malformed requests, answers {answers}, {more / MEBIBYTE:.1f} MiB more at most"


async def test_what_is_wrong_is_refused(service: Running) -> None:
    """1,500 malformed requests get no 5xx, no traceback, no echo, and leave the service as it was."""
    figures(await check(service, 1500, 1))


@pytest.mark.slow
async def test_what_is_wrong_is_refused_at_length(service: Running) -> None:
    """20,000, others in every run."""
    seed = Random().getrandbits(32)
    figures(f"seed {seed}: {await check(service, 20_000, seed)}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Transfer-Encoding: gzip, chunked",), 415),
        (("Transfer-Encoding: chunked", "Content-Encoding: gzip"), 415),
        (("Transfer-Encoding: chunked", "Hashmatch-Case: 1", "Hashmatch-Case: 2"), 422),
        (("Transfer-Encoding: chunked", f"Content-Digest: md5=:{'A' * 22}==:", "Content-Digest: sha=:!:"), 400),
        (("Transfer-Encoding: chunked", "Authorization: Bearer x"), 401),
        (("Transfer-Encoding: chunked", "Expect: d41d8cd98f00b204e9800998ecf8427e"), 417),
        (("Transfer-Encoding: chunked", "Content-Length: 5"), 400),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(
    service: Running, headers: tuple[str, ...], status: int
) -> None:
    """Codings that change the content, headers that contradict each other: nothing is taken for one of two meanings."""
    own = bearer(service.settings)["Authorization"]
    lines = ["POST /v1/streams HTTP/1.1", "Host: x", f"Authorization: {own}", "Content-Type: application/octet-stream"]
    answer = await sent(service.port, "\r\n".join([*lines, *headers, "", "1", "x", "0", "", ""]).encode())
    assert answer.split(b" ")[1] == str(status).encode()
    assert b"d41d8cd98f00b204e9800998ecf8427e" not in answer
