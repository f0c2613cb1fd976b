"""The service as processes: coming up, changing lists, losing a worker, stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import orjson
import pytest

from hashmatch.config import Settings
from hashmatch.lists import activate, retire
from hashmatch.store.layout import Layout
from tests.api.service import Running, bearer, children, serving
from tests.madeup import digests, hashmatch, take_in, write_list

QUESTION = {"algorithm": "md5", "digests": [digests(1)[0].hex(), digests(1, "second")[0].hex()]}


async def ask(service: Running, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    async with (
        aiohttp.ClientSession(service.base, headers=headers) as session,
        session.post("/v1/lookups", json=QUESTION) as response,
    ):
        return response.status, await response.json(content_type=None)


async def get(service: Running, path: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession(service.base) as session, session.get(path) as response:
        return response.status, await response.json(content_type=None)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


@contextmanager
def small_file_system(at: Path, size: int) -> Iterator[None]:
    """Mount a file system of so many bytes; skip where that is not allowed."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def fill(path: Path) -> None:
    """Write until there is no space."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def test_service_py_is_serve(settings: Settings) -> None:
    """`python service.py` takes the options of `hashmatch serve`, and those that say where the store is."""
    script = Path(__file__).resolve().parents[2] / "service.py"
    words: list[str | Path] = [
        sys.executable,
        script,
        f"--store={settings.store}",
        "--sealing-key",
        settings.sealing_key,
        "--port",
        "0",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("listening at http://127.0.0.1:") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (settings.store / "service" / "first-token").exists()


async def test_the_first_start(settings: Settings, tmp_path: Path) -> None:
    """A service starts without a list and says so; its first token, readable by its owner alone, looks digests up."""
    with serving(settings) as service:
        secret = settings.store / "service" / "first-token"
        assert secret.stat().st_mode & 0o777 == 0o600
        headers = {"Authorization": f"Bearer {secret.read_text().strip()}"}
        assert (await get(service, "/healthz"))[0] == 200
        status, answer = await get(service, "/readyz")
        assert (status, answer["code"]) == (503, "list.none_active")
        status, answer = await ask(service, headers)
        assert (status, answer["code"]) == (503, "list.none_active")
        take_in(settings, write_list(tmp_path / "list", digests(1)))

        async def ready() -> bool:
            return (await get(service, "/readyz"))[0] == 200

        await until(ready)
        status, answer = await ask(service, headers)
        assert status == 200
        assert (await get(service, "/readyz"))[1]["warnings"] == ["1 active lists are unsigned"]


async def test_an_activation_holds_for_all_that_begins_after_it(settings: Settings, tmp_path: Path) -> None:
    """Every request after an activation is answered with the new lists, by every worker."""
    take_in(settings, write_list(tmp_path / "first", digests(1)), release="1")
    take_in(settings, write_list(tmp_path / "second", digests(1, "second")), release="2")
    with serving(settings, "--workers", "2") as service:
        headers = bearer(settings)
        seen = set()
        for number in range(20):
            activate(settings, "made-up", "12"[number % 2])
            for _ in range(6):  # each on a connection of its own, so that both workers are asked
                status, answer = await ask(service, headers)
                assert status == 200
                results = answer["results"]
                assert isinstance(results, list)
                expected = ["match", "no_match"] if number % 2 == 0 else ["no_match", "match"]
                assert [result["outcome"] for result in results] == expected
                seen.add(answer["snapshot"])
        assert len(seen) == 2
        retire(settings, "made-up")
        assert (await ask(service, headers))[0] == 503


async def test_a_damaged_store_gives_no_answer(settings: Settings, tmp_path: Path) -> None:
    """A list that is not what was sealed is an error, never an empty answer, and says nothing of the store's places."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        headers = bearer(settings)
        assert (await ask(service, headers))[0] == 200
        active = Layout(settings.store).active
        good = active.read_bytes()
        active.write_bytes(good.replace(b'"format":1', b'"format":2'))
        status, answer = await ask(service, headers)
        assert (status, answer["code"]) == (503, "store.damaged")
        assert str(settings.store) not in orjson.dumps(answer).decode()
        assert (await get(service, "/readyz"))[0] == 503
        active.write_bytes(good)
        await asyncio.sleep(1.1)
        assert (await ask(service, headers))[0] == 200


async def test_without_a_trail_no_answer(settings: Settings, tmp_path: Path) -> None:
    """Where an event cannot be recorded nothing is answered, a refusal neither; once it can be, answers come again."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    audit = settings.store / "audit"
    audit.mkdir(exist_ok=True)
    with small_file_system(audit, 1 << 20), serving(settings) as service:
        headers = bearer(settings)
        assert (await ask(service, headers))[0] == 200
        filler = audit / "filler"
        fill(filler)
        before = (audit / "trail.jsonl").read_bytes()
        statuses = [(await ask(service, headers))[0] for _ in range(30)]
        status, answer = await ask(service, headers)
        assert (status, answer["code"]) == (503, "audit.unwritable")
        assert "results" not in answer
        status, answer = await ask(service, {"Authorization": "Bearer x"})
        assert status in (401, 503)
        filler.unlink()

        async def answers() -> bool:
            return (await ask(service, headers))[0] == 200

        await until(answers)
        events = [orjson.loads(line) for line in (audit / "trail.jsonl").read_bytes()[len(before) :].splitlines()]
    answered = statuses.count(200) + 1
    assert sum(event["counts"]["requests"] for event in events if event["action"] == "look_up") == answered


async def test_every_answer_has_its_event(settings: Settings, tmp_path: Path) -> None:
    """The trail says who asked how much for which case and how many were listed; and no digest."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        headers = bearer(settings)
        asked = QUESTION | {"case": "17"}
        async with (
            aiohttp.ClientSession(service.base, headers=headers) as session,
            session.post("/v1/lookups", json=asked) as response,
        ):
            assert response.status == 200
        assert (await ask(service, {"Authorization": "Bearer x"}))[0] == 401
        assert (await ask(service, bearer(settings, service.tokens.all()[0].role, cases=("18",))))[0] == 200
    text = (settings.store / "audit" / "trail.jsonl").read_text()
    events = [orjson.loads(line) for line in text.splitlines()]
    looked_up = [event for event in events if event["action"] == "look_up"]
    assert [(event["case"], event["counts"]) for event in looked_up] == [
        (case, {"requests": 1, "items": 2, "matches": 1, "no_match": 1}) for case in ("17", "18")
    ]
    assert [event["reason"] for event in events if event["action"] == "refusal"] == ["access.not_authenticated"]
    assert all(digest not in text for digest in QUESTION["digests"])


async def test_no_refusal_is_left_out(settings: Settings, tmp_path: Path) -> None:
    """Of those who have no token the trail tells how many there were, also when nobody comes after them."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        for _ in range(2):
            assert [(await ask(service, {"Authorization": "Bearer x"}))[0] for _ in range(20)] == [401] * 20
            await asyncio.sleep(1.2)
        assert refused(settings) == 40
        assert (await ask(service, {}))[0] == 401
        assert (await ask(service, {}))[0] == 401
    assert refused(settings) == 42


def refused(settings: Settings) -> int:
    lines = (settings.store / "audit" / "trail.jsonl").read_bytes().splitlines()
    events = [event for event in map(orjson.loads, lines) if event["action"] == "refusal"]
    assert len(events) <= 6
    return sum(event["counts"]["requests"] for event in events)


def figures_of(worker: int) -> Callable[[], list[Path]]:
    """Return what lists the files in which a worker keeps figures that hold for its own life alone."""
    variables = dict(
        entry.split(b"=", 1) for entry in Path(f"/proc/{worker}/environ").read_bytes().split(b"\0") if entry
    )
    directory = Path(os.fsdecode(variables[b"PROMETHEUS_MULTIPROC_DIR"]))
    return lambda: list(directory.glob(f"gauge_live*_{worker}.db"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGBUS, signal.SIGSEGV])
async def test_a_worker_that_dies_is_replaced(settings: Settings, tmp_path: Path, number: signal.Signals) -> None:
    """A worker's death, even one that Python cannot see, is logged and costs no more than what it was doing."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        headers = bearer(settings)
        (worker,) = service.workers()
        figures = figures_of(worker)
        assert figures()
        os.kill(worker, number)

        async def answers() -> bool:
            try:
                return (await ask(service, headers))[0] == 200
            except aiohttp.ClientError:
                return False

        await until(answers)
        assert service.workers() != [worker]
        assert number.name in service.log.read_text()
        assert not list((settings.store / "views").glob(f"{worker}-*"))
        assert not figures()


async def test_what_is_under_way_is_finished(settings: Settings, tmp_path: Path) -> None:
    """A service told to stop answers the request it has begun, refuses what is new, and ends."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        below = service.workers()
        release = asyncio.Event()

        async def body() -> object:
            yield b"x" * 100_000
            await release.wait()
            yield b"y"

        headers = bearer(settings) | {"Content-Type": "application/octet-stream"}
        async with aiohttp.ClientSession(service.base, headers=headers) as session:
            under_way = asyncio.create_task(session.post("/v1/streams", data=body()))
            await asyncio.sleep(0.5)
            service.process.send_signal(signal.SIGTERM)

            async def refused() -> bool:
                try:
                    await get(service, "/healthz")
                except aiohttp.ClientConnectionError:
                    return True
                return False

            await until(refused)
            release.set()
            response = await under_way
            assert response.status == 200
            assert (await response.json())["results"][0]["outcome"] == "no_match"
            response.release()
        assert service.process.wait(30) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert not [view for view in (settings.store / "views").iterdir() if view.is_dir()]


async def test_workers_end_with_their_parent(settings: Settings, tmp_path: Path) -> None:
    """Workers of a parent that was killed do not go on without anybody who would hear of them."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with pytest.raises(AssertionError), serving(settings) as service:  # noqa: PT012 - it does not end as it should
        below = children(service.process.pid)
        service.process.kill()
        service.process.wait()

        async def gone() -> bool:
            return not any(Path(f"/proc/{pid}").exists() for pid in below)

        await until(gone)
    with serving(settings) as service:
        assert (await get(service, "/readyz"))[0] == 200


def test_one_service_a_store(settings: Settings, tmp_path: Path) -> None:
    """A second service on a store is refused, and so is a port that is in use."""
    take_in(settings, write_list(tmp_path / "list", digests(1)))
    with serving(settings) as service:
        assert hashmatch(settings, "serve", "--port", "0").returncode == 11
        other = Settings(tmp_path / "other" / "store", settings.sealing_key)
        taken = hashmatch(other, "serve", "--port", str(service.port))
        assert taken.returncode == 2
        assert "cannot listen" in taken.stderr
