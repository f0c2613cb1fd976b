"""Server-sent events of a scan: as they happen, from any of them on, to the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from hashmatch.access.roles import Role
from hashmatch.config import Settings
from hashmatch.runs import files
from hashmatch.runs.record import State
from tests.api.scanning import Client, client, make_source, md5s
from tests.api.service import Running, serving
from tests.madeup import take_in, write_list
from tests.runs.supervised import until


class Sent(NamedTuple):
    id: int | None
    event: str
    data: Any


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("service")
    settings = Settings(base / "store", base / "keys" / "sealing.key")
    take_in(settings, write_list(base / "list", md5s()))
    make_source(root, "image")
    with serving(settings, "--workers", "2", "--evidence-root", root, "--scans-at-once", "2") as running:
        yield running


@pytest.fixture
async def examiner(service: Running) -> AsyncIterator[Client]:
    async with client(service) as somebody:
        yield somebody


async def stream(somebody: Client, run_id: str, after: int | None = None) -> AsyncIterator[Sent]:
    """Yield what is sent, read as the HTML standard has it (9.2.6)."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    async with somebody.session.get(f"/v1/scans/{run_id}/events", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        fields: dict[str, str] = {}
        async for octets in response.content:
            line = octets.decode().removesuffix("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield Sent(int(fields["id"]) if "id" in fields else None, fields["event"], orjson.loads(fields["data"]))
                fields = {}
            else:
                fields = {}


async def all_of(somebody: Client, run_id: str, after: int | None = None) -> list[Sent]:
    return [sent async for sent in stream(somebody, run_id, after)]


async def test_events_of_a_scan(examiner: Client, root: Path) -> None:
    """Progress, every flag of the report, and the end with the scan's result: the same whenever one listens."""
    run = await examiner.scan(root / "image")
    live = await all_of(examiner, run["id"])
    ended = await examiner.ask("GET", f"/v1/scans/{run['id']}")
    assert {sent.event for sent in live} == {"progress", "flag", "end"}
    assert live[-1].event == "end"
    assert live[-1].data["result"] == ended["result"]
    assert live[-1].data["counts"] == ended["counts"]
    report = (examiner.runs / run["id"] / "report" / "flags.jsonl").read_bytes().splitlines()
    flags = [sent.data for sent in live if sent.event == "flag"]
    assert sorted(flags, key=lambda flag: flag["path"]) == [orjson.loads(line) for line in report]
    assert await all_of(examiner, run["id"]) == live


async def test_going_on_behind_any_event(examiner: Client, root: Path) -> None:
    """A client that comes back with the last id it had gets what follows; one that had all is told not to come back."""
    run = await examiner.scanned(root / "image")
    events = await all_of(examiner, run["id"])
    for number, sent in enumerate(events[:-1]):
        assert await all_of(examiner, run["id"], sent.id) == events[number + 1 :]
    headers = {"Last-Event-ID": str(events[-1].id)}
    async with examiner.session.get(f"/v1/scans/{run['id']}/events", headers=headers) as response:
        assert response.status == 204
    for wrong in ("x", "-1", "1" * 19, "1.5"):
        answer = await examiner.ask(
            "GET", f"/v1/scans/{run['id']}/events", status=400, headers={"Last-Event-ID": wrong}
        )
        assert answer["code"] == "request.last_event_id"


async def test_flags_appear_while_the_scan_runs(examiner: Client, root: Path) -> None:
    """Flags are sent before the scan has ended, and a crash is sent as its end; a resumed scan goes on behind it."""
    source = make_source(root, "running", endless=True)
    run = await examiner.scan(source)
    seen: list[Sent] = []
    async for sent in stream(examiner, run["id"]):
        seen.append(sent)
        if sum(one.event == "flag" for one in seen) == 4 and sent.event == "flag":
            assert (await examiner.ask("GET", f"/v1/scans/{run['id']}"))["state"] == "running"
            os.kill(await examiner.reading(run["id"]), signal.SIGBUS)
    assert seen[-1].event == "end"
    assert (seen[-1].data["state"], seen[-1].data["resumable"]) == ("failed", True)
    (source / "z-large").unlink()
    await examiner.ask("POST", f"/v1/scans/{run['id']}/resume", status=202)
    async with asyncio.timeout(60):
        while (await examiner.ask("GET", f"/v1/scans/{run['id']}"))["state"] == "failed":
            await asyncio.sleep(0.05)
    more = await all_of(examiner, run["id"], seen[-1].id)
    assert more[-1].data["state"] == "complete"
    assert more[0].id is not None
    assert seen[-1].id is not None
    assert more[0].id > seen[-1].id


async def test_an_end_that_was_not_written(service: Running, examiner: Client, root: Path) -> None:
    """Where the supervisor died between the state of a scan and its last event, the end is sent all the same."""
    run = await examiner.scanned(root / "image")
    events = examiner.runs / run["id"] / files.EVENTS
    await until(lambda: b'"event":"end"' in events.read_bytes())
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[:-1]))
    sent = await all_of(examiner, run["id"])
    assert (sent[-1].id, sent[-1].event, sent[-1].data["state"]) == (None, "end", "complete")


async def test_damage_is_told(examiner: Client, root: Path) -> None:
    """Damage that is met after the answer has begun is an event; before that, it is an error."""
    run = await examiner.scan(make_source(root, "damaged", endless=True))
    await examiner.reading(run["id"])
    events = examiner.runs / run["id"] / files.EVENTS
    async for sent in stream(examiner, run["id"]):
        if sent.event == "error":
            assert sent.data == {"code": "run.damaged"}
            break
        with events.open("ab") as file:
            file.write(b"nonsense\n")
    await examiner.ask("GET", f"/v1/scans/{run['id']}/events", status=503)
    await examiner.ask("DELETE", f"/v1/scans/{run['id']}", status=202)
    assert (await examiner.ended(f"/v1/scans/{run['id']}"))["state"] == State.CANCELLED


async def test_a_revoked_token_sees_no_more(service: Running, root: Path) -> None:
    """A stream ends when the token that asked for it is revoked."""
    async with client(service, Role.AUDITOR) as auditor, client(service) as examiner:
        run = await examiner.scan(make_source(root, "revoked", endless=True))
        await examiner.reading(run["id"])
        token = next(t for t in service.tokens.all() if t.role is Role.AUDITOR)
        async for sent in stream(auditor, run["id"]):
            if sent.event == "error":
                break
            service.tokens.revoke(token.id, token.created)
        assert sent.data == {"code": "access.not_authenticated"}
        await examiner.ask("DELETE", f"/v1/scans/{run['id']}", status=202)


async def test_a_stream_does_not_keep_a_service(settings: Settings, tmp_path: Path) -> None:
    """A service that is told to stop ends its streams, and does not wait for the scans that they are of."""
    take_in(settings, write_list(tmp_path / "list", md5s()))
    root = tmp_path / "evidence"
    root.mkdir()
    with serving(settings, "--evidence-root", root) as service:
        async with client(service) as somebody:
            run = await somebody.scan(make_source(root, "image", endless=True))
            await somebody.reading(run["id"])
            sent = []
            async for event in stream(somebody, run["id"]):
                sent.append(event)
                if len(sent) == 1:
                    service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(30) == 0
