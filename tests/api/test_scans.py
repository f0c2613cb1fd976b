"""Scans over HTTP: asked for, watched, cancelled, resumed, and what they found; and whose they are."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from hashmatch.access.roles import Role
from hashmatch.config import Settings
from tests.api.scanning import Client, client, lines, make_source, md5s
from tests.api.service import Running, serving
from tests.madeup import take_in, write_list
from tests.runs.supervised import until


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


async def test_a_scan(service: Running, examiner: Client, root: Path) -> None:
    """A scan is taken in at once, is found where the answer says, and ends with its counts and its result digest."""
    body = {"source": str(root / "image"), "case": "24-001", "exhibit": "A", "allow_writable": "made for a test"}
    async with examiner.session.post("/v1/scans", json=body) as response:
        assert response.status == 202
        place = response.headers["Location"]
        asked = await response.json()
    assert place == f"/v1/scans/{asked['id']}"
    assert asked["request"]["source"] == str(root / "image")
    run = await examiner.ended(place)
    assert (run["state"], run["case"], run["attempts"], run["code"]) == ("complete", "24-001", 1, None)
    assert (run["counts"]["match"], run["counts"]["no_match"], run["counts"]["seen"]) == (4, 1, 5)
    report = await examiner.ask("GET", f"{place}/report")
    assert (report["case"], report["exhibit"]) == ("24-001", "A")
    assert report["result_digest"] == run["result"]["result_digest"]
    assert "upload" not in run["request"]
    assert str(service.settings.store) not in orjson.dumps(run).decode()


async def test_flags(examiner: Client, root: Path) -> None:
    """Flags come as NDJSON that says whether it is whole, or as CSV; both are the files of the report."""
    run = await examiner.scanned(root / "image")
    path = f"/v1/scans/{run['id']}/flags"
    report = examiner.runs / run["id"] / "report"
    async with examiner.session.get(path) as response:
        assert response.content_type == "application/x-ndjson"
        assert response.headers["Cache-Control"] == "no-store"
        content = await response.read()
    *flags, end = content.splitlines(keepends=True)
    assert b"".join(flags) == (report / "flags.jsonl").read_bytes()
    assert orjson.loads(end) == {
        "type": "end", "count": 4, "sha256": hashlib.sha256(b"".join(flags)).hexdigest()
    }  # fmt: skip
    async with examiner.session.get(path, headers={"Accept": "text/csv, */*;q=0.1"}) as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        table = await response.read()
    assert table == (report / "flags.csv").read_bytes()
    assert next(csv.DictReader(io.StringIO(table.decode())))["path"] == "'=listed.txt"
    assert (await examiner.ask("GET", path, status=406, headers={"Accept": "image/png"}))["code"] == (
        "request.not_acceptable"
    )


async def test_not_examined(examiner: Client, root: Path) -> None:
    """What was not examined is listed with its reason."""
    run = await examiner.scanned(root / "image", max_file_size=5)
    assert run["state"] == "incomplete"
    async with examiner.session.get(f"/v1/scans/{run['id']}/not-examined") as response:
        *failures, end = lines(await response.read())
    assert {failure["reason"] for failure in failures} == {"budget"}
    assert end["count"] == len(failures) == run["counts"]["not_examined"] == 5


async def test_no_report_yet(examiner: Client, root: Path) -> None:
    """Before its end a scan has no results to show, and after a death that left none it says so."""
    run = await examiner.scan(make_source(root, "no-report", endless=True))
    process = await examiner.reading(run["id"])
    for what in ("report", "flags", "not-examined"):
        answer = await examiner.ask("GET", f"/v1/scans/{run['id']}/{what}", status=409)
        assert answer["code"] == "run.not_possible"
    os.kill(process, signal.SIGKILL)
    await examiner.ended(f"/v1/scans/{run['id']}")
    for what in ("report", "flags", "not-examined"):
        assert (await examiner.ask("GET", f"/v1/scans/{run['id']}/{what}", status=404))["code"] == "run.no_report"


@pytest.mark.parametrize("number", [signal.SIGBUS, signal.SIGSEGV])
async def test_a_scan_that_crashes(service: Running, examiner: Client, root: Path, number: signal.Signals) -> None:
    """A crash ends the scan with its reason and the chance to resume it; the service answers all the while."""
    source = make_source(root, number.name, endless=True)
    run = await examiner.scan(source)
    workers = service.workers()
    os.kill(await examiner.reading(run["id"]), number)
    async with examiner.session.get("/healthz") as response:
        assert response.status == 200
    crashed = await examiner.ended(f"/v1/scans/{run['id']}")
    assert (crashed["state"], crashed["resumable"]) == ("failed", True)
    assert number.name in crashed["reason"]
    assert service.workers() == workers
    assert service.process.poll() is None
    (source / "z-large").unlink()
    await examiner.ask("POST", f"/v1/scans/{run['id']}/resume", status=202)
    await until(lambda: b'"attempts":2' in (examiner.runs / run["id"] / "state.json").read_bytes())
    resumed = await examiner.ended(f"/v1/scans/{run['id']}")
    assert (resumed["state"], resumed["attempts"], resumed["counts"]["match"]) == ("complete", 2, 4)
    answer = await examiner.ask("POST", f"/v1/scans/{run['id']}/resume", status=409)
    assert answer["code"] == "run.not_possible"


async def test_cancelling(examiner: Client, root: Path) -> None:
    """A scan that is cancelled ends, with what it found so far; one that has ended is not cancelled again."""
    run = await examiner.scan(make_source(root, "cancelled", endless=True))
    await examiner.reading(run["id"])
    path = f"/v1/scans/{run['id']}"
    assert (await examiner.ask("DELETE", path, status=202))["cancelling"]
    ended = await examiner.ended(path)
    assert (ended["state"], ended["reason"]) == ("cancelled", "it was cancelled")
    assert (await examiner.ask("GET", f"{path}/report"))["status"] == "interrupted"
    await examiner.ask("DELETE", path, status=409)


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"source": "/"}, 422, "source.outside"),
        ({"source": "{root}/../"}, 422, "source.outside"),
        ({"source": "image"}, 422, "usage"),
        ({"source": "/\0"}, 422, "usage"),
        ({"source": 7}, 422, "request.invalid"),
        ({"digests": []}, 422, "request.invalid"),
        ({"digests": ["crc32"]}, 422, "request.invalid"),
        ({"workers": 0}, 422, "request.invalid"),
        ({"workers": 10_000}, 422, "request.invalid"),
        ({"max_file_size": -1}, 422, "request.invalid"),
        ({"first": [""]}, 422, "usage"),
        ({"first": ["x"] * 101}, 422, "request.invalid"),
        ({"case": "0123456789abcdef" * 2}, 422, "usage"),
        ({"case": ""}, 422, "usage"),
        ({"kind": "scan"}, 422, "request.invalid"),
        ({"output": "/tmp"}, 422, "request.invalid"),
    ],
)
async def test_what_cannot_be_asked(
    examiner: Client, root: Path, wrong: dict[str, Any], status: int, code: str
) -> None:
    """Whatever is refused is refused before anything is made of it."""
    before = set(os.listdir(examiner.runs)) if examiner.runs.exists() else set()
    body = {"source": str(root / "image")} | wrong
    if isinstance(body["source"], str):
        body["source"] = body["source"].replace("{root}", str(root))
    assert (await examiner.ask("POST", "/v1/scans", body, status=status))["code"] == code
    assert set(os.listdir(examiner.runs)) - before <= {"asked"}


async def test_whose_scans_they_are(service: Running, examiner: Client, root: Path) -> None:
    """An examiner sees the scans it started, or those of the cases it is for; to others they are not there."""
    run = await examiner.scanned(root / "image", case="77")
    path = f"/v1/scans/{run['id']}"
    about: dict[str, tuple[Role, dict[str, Any]]] = {
        "the case's": (Role.EXAMINER, {"cases": ("76", "77")}),
        "auditor": (Role.AUDITOR, {}),
        "another": (Role.EXAMINER, {}),
        "another case's": (Role.EXAMINER, {"cases": ("78",)}),
        "another case's auditor": (Role.AUDITOR, {"cases": ("78",)}),
    }
    for name, (role, confined) in about.items():
        async with client(service, role, **confined) as other:
            seen = [scan["id"] for scan in (await other.ask("GET", "/v1/scans?limit=1000"))["scans"]]
            if name in ("the case's", "auditor"):
                assert run["id"] in seen
                assert (await other.ask("GET", path))["owner"] == run["owner"]
                await other.ask("GET", f"{path}/report")
            else:
                assert run["id"] not in seen
                for method, rest in (("GET", ""), ("GET", "/report"), ("GET", "/flags"), ("GET", "/not-examined"),
                                     ("GET", "/events")):  # fmt: skip
                    assert (await other.ask(method, path + rest, status=404))["code"] == "run.not_found"
            if name == "another":
                for method, rest in (("DELETE", ""), ("POST", "/resume")):
                    assert (await other.ask(method, path + rest, status=404))["code"] == "run.not_found"


async def test_for_which_case(service: Running, root: Path) -> None:
    """A token for one case scans for it without saying so; one for several says for which."""
    async with client(service, cases=("77",)) as somebody:
        assert (await somebody.scanned(root / "image"))["case"] == "77"
    async with client(service, cases=("77", "78")) as somebody:
        body = {"source": str(root / "image")}
        assert (await somebody.ask("POST", "/v1/scans", body, status=403))["code"] == "access.not_allowed"
        await somebody.ask("POST", "/v1/scans", body | {"case": "79"}, status=403)


async def test_listing(service: Running, root: Path) -> None:
    """Scans are listed the newest first, in pages, by case and by state."""
    async with client(service) as somebody:
        runs = [await somebody.scanned(root / "image", case=str(number % 2)) for number in range(5)]
        ids = [run["id"] for run in reversed(runs)]
        found, query = [], "?limit=2"
        while True:
            page = await somebody.ask("GET", f"/v1/scans{query}")
            found += [scan["id"] for scan in page["scans"]]
            if page["next"] is None:
                break
            query = f"?limit=2&after={page['next']}"
        assert found == ids
        assert [s["id"] for s in (await somebody.ask("GET", "/v1/scans?case=1"))["scans"]] == [ids[1], ids[3]]
        assert (await somebody.ask("GET", "/v1/scans?state=failed"))["scans"] == []
        for wrong in ("limit=0", "limit=x", "limit=1001", "state=x"):
            await somebody.ask("GET", f"/v1/scans?{wrong}", status=422)
        await somebody.ask("GET", f"/v1/scans?after={'0' * 32}", status=404)


async def test_results_are_shown_after_their_event(service: Running, examiner: Client, root: Path) -> None:
    """Whoever sees results of a scan stands in the audit trail, with the run and the case, and nothing of the files."""
    run = await examiner.scanned(root / "image", case="99-audit")
    for what in ("report", "flags", "not-examined", "events"):
        async with examiner.session.get(f"/v1/scans/{run['id']}/{what}") as response:
            await response.read()
    text = (service.settings.store / "audit" / "trail.jsonl").read_text()
    seen = [event for event in map(orjson.loads, text.splitlines()) if event.get("run") == run["id"]]
    shown = [event for event in seen if event["action"] == "results_seen"]
    assert [event["subject"] for event in shown] == ["report", "flags", "not_examined", "events"]
    assert {event["case"] for event in shown} == {"99-audit"}
    assert "listed-0" not in text


async def test_a_restart_loses_nothing(tmp_path: Path, settings: Settings) -> None:
    """Scans that were finished are there after a kill of the service, what ran is marked, and what waited is done."""
    take_in(settings, write_list(tmp_path / "list", md5s()))
    root = tmp_path / "evidence"
    root.mkdir()
    with serving(settings, "--evidence-root", root, killed=True) as service:
        async with client(service) as somebody:
            finished = await somebody.scanned(make_source(root, "finished"))
            running = await somebody.scan(make_source(root, "running", endless=True))
            waiting = await somebody.scan(make_source(root, "waiting"))
            await somebody.reading(running["id"])
    with serving(settings, "--evidence-root", root) as service:
        async with client(service, Role.AUDITOR) as somebody:
            assert await somebody.ask("GET", f"/v1/scans/{finished['id']}") == finished
            assert (await somebody.ask("GET", f"/v1/scans/{finished['id']}/report"))["status"] == "complete"
            marked = await somebody.ended(f"/v1/scans/{running['id']}")
            assert (marked["state"], marked["resumable"]) == ("interrupted", True)
            assert (await somebody.ended(f"/v1/scans/{waiting['id']}"))["state"] == "complete"


async def test_without_an_evidence_root(tmp_path: Path, settings: Settings) -> None:
    """A service that was given no evidence root scans nothing."""
    with serving(settings) as service:
        async with client(service) as somebody:
            answer = await somebody.ask("POST", "/v1/scans", {"source": str(tmp_path)}, status=422)
            assert answer["code"] == "source.outside"
            async with aiohttp.ClientSession(service.base) as nobody, nobody.get("/v1/scans") as response:
                assert response.status == 401
