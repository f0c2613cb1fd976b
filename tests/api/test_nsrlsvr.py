"""nsrlsvr's protocol on real sockets: every client gets its own answers in order, or none at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from hashmatch.api.metrics import Metrics
from hashmatch.api.nsrl_protocol import Query
from hashmatch.api.nsrl_sessions import Asking, Sessions
from hashmatch.api.nsrlsvr import Nsrlsvr
from hashmatch.api.pinned import Pinned
from hashmatch.api.recording import Recording
from hashmatch.api.settings import Limits
from hashmatch.config import Settings
from hashmatch.custody.opening import open_trail
from hashmatch.hashlists.entries import ListType
from tests.api import service
from tests.api.nsrl_client import nsrllookup, said
from tests.madeup import MD5, SHA1, SHA256, digests, take_in, write_list
from tests.store.damage import Table

KNOWN = {MD5: digests(1500, "known"), SHA1: digests(20, "known", SHA1)}
NOTABLE, ABSENT = digests(20, "notable"), digests(1500, "absent")
_T = TypeVar("_T")

LIMITS = Limits(stall_seconds=0.4, connections=8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Lists of known files by MD5 and by SHA-1, and lists of notable files by MD5 and by SHA-256."""
    place = tmp_path_factory.mktemp("nsrlsvr")
    settings = Settings(place / "store", place / "sealing.key")
    for algorithm, listed in KNOWN.items():
        name = algorithm.label
        take_in(settings, write_list(place / name, listed), name, list_type=ListType.KNOWN, algorithm=algorithm)
    take_in(settings, write_list(place / "notable", NOTABLE), "notable")
    notable = write_list(place / "notable256", digests(1, algorithm=SHA256))
    take_in(settings, notable, "notable256", algorithm=SHA256)
    return settings


class Holding(Sessions):
    """Lets a session begin to answer when it is told so."""

    held: asyncio.Event | None = None

    def begin(self, origin: str) -> Asking:
        asking = super().begin(origin)
        if self.held is not None:
            asking.answer = partial(_when, self.held, asking.answer)  # type: ignore[method-assign]
        return asking


async def _when(
    held: asyncio.Event, answer: Callable[[Sequence[Query]], Awaitable[list[bytes]]], queries: Sequence[Query]
) -> list[bytes]:
    await held.wait()
    return await answer(queries)


@dataclass(frozen=True)
class Running:
    server: Nsrlsvr
    pinned: Pinned
    port: int
    settings: Settings

    def events(self) -> list[dict[str, Any]]:
        """Return what the trail says of look-ups."""
        lines = (self.settings.store / "audit" / "trail.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event.get("action") == "look_up"]


@contextlib.asynccontextmanager
async def serving(settings: Settings, held: asyncio.Event | None = None) -> AsyncIterator[Running]:
    """Run a server in this loop; where `held` is given, answers wait for it."""
    pinned = Pinned(settings)
    with (
        open_trail(settings) as trail,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        recording = Recording(trail)
        sessions = Holding(pinned, recording, Metrics(None))
        sessions.held = held
        server = Nsrlsvr(sessions, LIMITS)
        await server.listen(listening)
        try:
            yield Running(server, pinned, listening.getsockname()[1], settings)
        finally:
            await server.close(5)
            recording.close()
            await pinned.close()


def texts(octets: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in octets]


async def asked(client: Callable[..., _T], *arguments: object) -> _T:
    """Call a client, which blocks, in a thread."""
    return await asyncio.to_thread(client, *arguments)


def deaf(port: int) -> int:
    """Send and read nothing until the server closes; return how many bytes went out."""
    sent = 0
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    with connection, contextlib.suppress(ConnectionError):
        while True:
            sent += connection.send(b"status\r\n" * 4000)
    return sent


async def test_nsrllookup_finds_what_is_known(store: Settings) -> None:
    """Thousands of MD5s, 512 a line: exactly those on lists of known files are found."""
    questions = texts([*KNOWN[MD5], *ABSENT, *NOTABLE])
    Random(1).shuffle(questions)
    async with serving(store) as running:
        assert await asked(nsrllookup, running.port, questions) == set(texts(KNOWN[MD5]))
        assert await asked(nsrllookup, running.port, texts(KNOWN[SHA1]) + texts(ABSENT[:5])) == set(texts(KNOWN[SHA1]))


async def test_many_clients_get_their_own_answers(store: Settings) -> None:
    """Clients that ask at once, each for other digests, get what they would get alone."""

    async def one(port: int, number: int) -> bool:
        chance = Random(number)
        questions = texts(chance.sample(KNOWN[MD5], 300) + chance.sample(ABSENT, 300))
        chance.shuffle(questions)
        return await asked(nsrllookup, running.port, questions) == set(questions) & set(texts(KNOWN[MD5]))

    async with serving(store) as running:
        for _ in range(3):
            assert all(await asyncio.gather(*(one(running.port, number) for number in range(LIMITS.connections))))


async def test_pipelined_lines_are_answered_in_order(store: Settings) -> None:
    """Thousands of lines sent without waiting, cut anywhere: as many answers, in the order of the lines."""
    chance = Random(2)
    lines, expected = [], []
    for _ in range(3000):
        picked = [(chance.choice(KNOWN[MD5]), "1") if chance.random() < 0.5 else (chance.choice(ABSENT), "0")] * 2
        lines.append(" ".join(["query", *texts([octets for octets, _ in picked])]) + chance.choice(["\n", "\r\n"]))
        expected.append("OK " + "".join(digit for _, digit in picked) + "\r\n")
    async with serving(store) as running:
        answer = await asked(said, running.port, ("Version: 2.0\r\n" + "".join(lines) + "status\r\nBYE\r\n").encode())
    assert answer == ("OK\r\n" + "".join(expected) + "NOT SUPPORTED\r\n").encode()


async def test_what_cannot_be_answered_ends_the_session_without_an_answer(store: Settings) -> None:
    """An algorithm that no known list has, alone or with others, is no absence; neither is what is no digest."""
    good, sha256 = KNOWN[MD5][0].hex(), digests(1, algorithm=SHA256)[0].hex()
    async with serving(store) as running:
        for line in (f"query {sha256}", f"query {good} {sha256}", f"query {good} {good[1:]}", f"query {good[:-1]}g"):
            assert await asked(said, running.port, f"{line}\r\nstatus\r\n".encode()) == b""
        assert await asked(said, running.port, f"query {good}\r\n\r\nstatus\r\n".encode()) == b"OK 1\r\n"


async def test_a_damaged_store_ends_the_session_without_an_answer(settings: Settings, tmp_path: Path) -> None:
    """No digit is sent for a digest that the store could not be asked for."""
    listed = digests(40)
    take_in(settings, write_list(tmp_path / "list", listed), list_type=ListType.KNOWN)
    table = Table.of(settings)
    async with serving(settings) as running:
        assert await asked(said, running.port, f"query {listed[0].hex()}\r\n".encode()) == b"OK 1\r\n"
        for block in table.data:
            table.damage(block.offset, lambda octet: octet ^ 0xFF, block.size)
        answers = {await asked(said, running.port, f"query {digest.hex()}\r\n".encode()) for digest in listed}
    assert answers <= {b"", b"OK 1\r\n"}
    assert b"" in answers


async def test_a_line_that_does_not_end_is_not_waited_for(store: Settings) -> None:
    """A client that sends part of a line and no more is closed; one that sends nothing may be silent for longer."""
    async with serving(store) as running:
        idle = await asyncio.open_connection("127.0.0.1", running.port)
        slow = await asyncio.open_connection("127.0.0.1", running.port)
        slow[1].write(b"quer")
        async with asyncio.timeout(20):
            assert await slow[0].read() == b""
        idle[1].write(b"query %b\n" % KNOWN[MD5][0].hex().encode())
        assert await idle[0].readline() == b"OK 1\r\n"
        for _, writer in (idle, slow):
            writer.close()


async def test_a_client_that_goes_on_within_lines_is_not_closed(store: Settings) -> None:
    """Pieces that never end where a line does are no stall, as long as lines come."""
    line = b"query %b\n" % KNOWN[MD5][0].hex().encode()
    async with serving(store) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(line[:9])
        for _ in range(8):
            await asyncio.sleep(LIMITS.stall_seconds / 4)
            writer.write(line[9:] + line[:9])
            assert await reader.readline() == b"OK 1\r\n"
        writer.close()


async def test_a_client_that_takes_no_answers_is_closed(store: Settings) -> None:
    """What waits for it is bounded: the server reads no further, and closes it."""
    async with serving(store) as running:
        sent = await asked(deaf, running.port)
        assert sent < 100 << 20
        assert await asked(said, running.port, b"status\r\n") == b"NOT SUPPORTED\r\n"


async def test_connections_are_limited(store: Settings) -> None:
    """One too many is closed at once; those that are there go on, and a place that becomes free is taken."""
    async with serving(store) as running:
        there = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(LIMITS.connections)]
        for reader, writer in there:
            writer.write(b"status\n")
            assert await reader.readline() == b"NOT SUPPORTED\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        there[0][1].write(b"BYE\n")
        assert await there[0][0].read() == b""
        assert await asked(said, running.port, b"status\n") == b"NOT SUPPORTED\r\n"
        for _, writer in there:
            writer.close()


async def test_closing_finishes_what_is_under_way(store: Settings) -> None:
    """An answer that is being made is given; a client that is to speak is closed; nobody new is let in."""
    held = asyncio.Event()
    async with serving(store, held) as running:
        busy = await asyncio.open_connection("127.0.0.1", running.port)
        silent = await asyncio.open_connection("127.0.0.1", running.port)
        busy[1].write(b"query %b\r\n" % KNOWN[MD5][0].hex().encode())
        silent[1].write(b"status\r\n")
        assert await silent[0].readline() == b"NOT SUPPORTED\r\n"
        closing = asyncio.create_task(running.server.close(20))
        assert await silent[0].read() == b""
        assert not closing.done()
        held.set()
        assert await busy[0].read() == b"OK 1\r\n"
        await closing
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", running.port)
        for _, writer in (busy, silent):
            writer.close()


async def test_closing_does_not_wait_for_ever(store: Settings) -> None:
    """After its time, what is under way is given up."""
    async with serving(store, asyncio.Event()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"query %b\r\n" % KNOWN[MD5][0].hex().encode())
        await asyncio.sleep(0.1)
        await running.server.close(0.1)
        assert await reader.read() == b""
        writer.close()


def spoken_at(running: service.Running) -> int:
    """Return the port of nsrlsvr's protocol, which a service tells after its own address."""
    assert running.process.stdout is not None
    found = re.fullmatch(r"listening at 127\.0\.0\.1:(\d+) \(nsrlsvr\)\n", running.process.stdout.readline())
    assert found
    return int(found[1])


def test_a_service_speaks_it_where_it_is_told_to(store: Settings) -> None:
    """In each of its worker processes, on loopback alone even where HTTP is served elsewhere."""
    with service.serving(store, "--nsrlsvr", "0", "--workers", "2") as running:
        port = spoken_at(running)
        for _ in range(6):  # on a connection of its own each, so that both workers are asked
            assert nsrllookup(port, texts(KNOWN[MD5][:600] + ABSENT)) == set(texts(KNOWN[MD5][:600]))
        with pytest.raises(ConnectionError):
            nsrllookup(port, texts(ABSENT), host="127.0.0.2")
    assert KNOWN[MD5][0].hex() not in running.log.read_text()


def test_plaso_finds_what_is_known(store: Settings) -> None:
    """Plaso's own plug-in, as it is: it opens a connection, sends no version, and takes `OK 1` for known."""
    plaso = pytest.importorskip("plaso.analysis.nsrlsvr", reason="plaso is not installed: make clients")
    with service.serving(store, "--nsrlsvr", "0") as running:
        plugin = plaso.NsrlsvrAnalysisPlugin()
        plugin.SetHost("127.0.0.1")
        plugin.SetPort(spoken_at(running))
        assert plugin.TestConnection()
        for algorithm in (MD5, SHA1):
            plugin.SetLookupHash(algorithm.label)
            known, absent = texts(KNOWN[algorithm][:20]), texts(digests(20, "absent", algorithm))
            found = {one.subject_hash: one.hash_information for one in plugin._Analyze(known + absent)}
            assert found == dict.fromkeys(known, True) | dict.fromkeys(absent, False)


async def test_the_trail_has_what_was_asked_before_it_is_answered(settings: Settings, tmp_path: Path) -> None:
    """An event comes before the first answer, further ones seldom; the last says exactly what was asked and found."""
    take_in(settings, write_list(tmp_path / "list", KNOWN[MD5]), list_type=ListType.KNOWN)
    async with serving(settings) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(f"query {' '.join(texts(KNOWN[MD5][:20] + ABSENT[:10]))}\r\n".encode())
        assert await reader.readline() == b"OK " + b"1" * 20 + b"0" * 10 + b"\r\n"
        (begun,) = running.events()
        assert (begun["outcome"], begun["counts"]) == ("begun", {"items_at_most": 30})
        for _ in range(40):
            writer.write(f"query {' '.join(texts(ABSENT[:100]))}\r\n".encode())
            assert await reader.readline() == b"OK " + b"0" * 100 + b"\r\n"
        writer.write(b"BYE\r\n")
        assert await reader.read() == b""
        writer.close()
        await asked(said, running.port, b"query %b" % NOTABLE[0].hex().encode())
    *before, last = [event for event in running.events() if event["subject"] == begun["subject"]]
    assert (last["outcome"], last["counts"]) == (
        "done",
        {"requests": 41, "items": 4030, "matches": 20, "no_match": 4010},
    )
    assert len(before) == 5
    assert sum(event["counts"]["items_at_most"] for event in before) >= 4030
    assert {event["origin"] for event in running.events()} == {"127.0.0.1"}
    assert [event["counts"].get("items") for event in running.events()[-2:]] == [None, 1]


async def test_an_answer_that_cannot_be_recorded_is_not_given(settings: Settings, tmp_path: Path) -> None:
    """Where the trail is not what was written, nothing can be added to it: the session ends."""
    take_in(settings, write_list(tmp_path / "list", KNOWN[MD5]), list_type=ListType.KNOWN)
    question = b"query %b\r\n" % KNOWN[MD5][0].hex().encode()
    async with serving(settings) as running:
        assert await asked(said, running.port, question) == b"OK 1\r\n"
        trail = settings.store / "audit" / "trail.jsonl"
        async with asyncio.timeout(30):
            # The event of the session's end comes when its client has gone already.
            while b'"outcome":"done"' not in trail.read_bytes().splitlines()[-1]:
                await asyncio.sleep(0.05)
        content = trail.read_bytes()
        trail.write_bytes(b"{}\n")
        assert await asked(said, running.port, question) == b""
        trail.write_bytes(content)


async def test_an_activation_changes_the_lists_between_two_lines(settings: Settings, tmp_path: Path) -> None:
    """A session that goes on is answered with the lists that are active, and its events say with which."""
    take_in(settings, write_list(tmp_path / "one", KNOWN[MD5][:5]), release="1", list_type=ListType.KNOWN)
    question = f"query {KNOWN[MD5][0].hex()} {KNOWN[MD5][9].hex()}\r\n".encode()
    async with serving(settings) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(question)
        assert await reader.readline() == b"OK 10\r\n"
        take_in(settings, write_list(tmp_path / "two", KNOWN[MD5][5:]), release="2", list_type=ListType.KNOWN)
        writer.write(question)
        assert await reader.readline() == b"OK 01\r\n"
        writer.close()
    assert [event["outcome"] for event in running.events()] == ["begun", "done", "begun", "done"]
    snapshots = [event["snapshot"] for event in running.events()]
    assert snapshots[0] == snapshots[1] != snapshots[2] == snapshots[3]
