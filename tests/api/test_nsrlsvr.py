"""nsrlsvr's protocol on real sockets: every client gets its own answers in order, or none at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from hashmatch.api.known import replies
from hashmatch.api.nsrl_protocol import Query
from hashmatch.api.nsrlsvr import Nsrlsvr, check_loopback
from hashmatch.api.settings import Limits
from hashmatch.config import Settings
from hashmatch.errors import UsageError
from hashmatch.hashlists.entries import ListType
from hashmatch.store.snapshot import Snapshot
from tests.api.nsrl_client import nsrllookup, said
from tests.madeup import MD5, SHA1, SHA256, digests, snapshot, take_in, write_list
from tests.store.damage import Table

KNOWN = {MD5: digests(1500, "known"), SHA1: digests(20, "known", SHA1)}
NOTABLE, ABSENT = digests(20, "notable"), digests(1500, "absent")
_T = TypeVar("_T")

LIMITS = Limits(stall_seconds=0.4, connections=8)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """Lists of known files by MD5 and by SHA-1, and one of notable files by SHA-256."""
    place = tmp_path_factory.mktemp("nsrlsvr")
    settings = Settings(place / "store", place / "sealing.key")
    for algorithm, listed in KNOWN.items():
        name = algorithm.label
        take_in(settings, write_list(place / name, listed), name, list_type=ListType.KNOWN, algorithm=algorithm)
    take_in(settings, write_list(place / "notable", NOTABLE), "notable")
    notable = write_list(place / "notable256", digests(1, algorithm=SHA256))
    take_in(settings, notable, "notable256", algorithm=SHA256)
    with snapshot(settings) as known:
        yield known


@contextlib.asynccontextmanager
async def serving(known: Snapshot, held: asyncio.Event | None = None) -> AsyncIterator[tuple[Nsrlsvr, int]]:
    """Run a server in this loop; where `held` is given, answers wait for it."""

    async def answer(queries: Sequence[Query]) -> Sequence[bytes]:
        if held is not None:
            await held.wait()
        return await asyncio.get_running_loop().run_in_executor(thread, replies, known, queries)

    server = Nsrlsvr(answer, LIMITS)
    # A thread of its own: the clients' threads, which wait for answers, must not be those that answers wait for.
    with ThreadPoolExecutor(1) as thread, socket.create_server(("127.0.0.1", 0)) as listening:
        await server.listen(listening)
        try:
            yield server, listening.getsockname()[1]
        finally:
            await server.close(5)


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


async def test_nsrllookup_finds_what_is_known(opened: Snapshot) -> None:
    """Thousands of MD5s, 512 a line: exactly those on lists of known files are found."""
    questions = texts([*KNOWN[MD5], *ABSENT, *NOTABLE])
    Random(1).shuffle(questions)
    async with serving(opened) as (_, port):
        assert await asked(nsrllookup, port, questions) == set(texts(KNOWN[MD5]))
        assert await asked(nsrllookup, port, texts(KNOWN[SHA1]) + texts(ABSENT[:5])) == set(texts(KNOWN[SHA1]))


async def test_many_clients_get_their_own_answers(opened: Snapshot) -> None:
    """Clients that ask at once, each for other digests, get what they would get alone."""

    async def one(port: int, number: int) -> bool:
        chance = Random(number)
        questions = texts(chance.sample(KNOWN[MD5], 300) + chance.sample(ABSENT, 300))
        chance.shuffle(questions)
        return await asked(nsrllookup, port, questions) == set(questions) & set(texts(KNOWN[MD5]))

    async with serving(opened) as (_, port):
        for _ in range(3):
            assert all(await asyncio.gather(*(one(port, number) for number in range(LIMITS.connections))))


async def test_pipelined_lines_are_answered_in_order(opened: Snapshot) -> None:
    """Thousands of lines sent without waiting, cut anywhere: as many answers, in the order of the lines."""
    chance = Random(2)
    lines, expected = [], []
    for _ in range(3000):
        picked = [(chance.choice(KNOWN[MD5]), "1") if chance.random() < 0.5 else (chance.choice(ABSENT), "0")] * 2
        lines.append(" ".join(["query", *texts([octets for octets, _ in picked])]) + chance.choice(["\n", "\r\n"]))
        expected.append("OK " + "".join(digit for _, digit in picked) + "\r\n")
    async with serving(opened) as (_, port):
        answer = await asked(said, port, ("Version: 2.0\r\n" + "".join(lines) + "status\r\nBYE\r\n").encode())
    assert answer == ("OK\r\n" + "".join(expected) + "NOT SUPPORTED\r\n").encode()


async def test_what_cannot_be_answered_ends_the_session_without_an_answer(opened: Snapshot) -> None:
    """An algorithm that no known list has, alone or with others, is no absence; neither is what is no digest."""
    good, sha256 = KNOWN[MD5][0].hex(), digests(1, algorithm=SHA256)[0].hex()
    async with serving(opened) as (_, port):
        for line in (f"query {sha256}", f"query {good} {sha256}", f"query {good} {good[1:]}", f"query {good[:-1]}g"):
            assert await asked(said, port, f"{line}\r\nstatus\r\n".encode()) == b""
        assert await asked(said, port, f"query {good}\r\n\r\nstatus\r\n".encode()) == b"OK 1\r\n"


async def test_a_damaged_store_ends_the_session_without_an_answer(settings: Settings, tmp_path: Path) -> None:
    """No digit is sent for a digest that the store could not be asked for."""
    listed = digests(40)
    take_in(settings, write_list(tmp_path / "list", listed), list_type=ListType.KNOWN)
    table = Table.of(settings)
    with snapshot(settings) as known:
        async with serving(known) as (_, port):
            assert await asked(said, port, f"query {listed[0].hex()}\r\n".encode()) == b"OK 1\r\n"
            for block in table.data:
                table.damage(block.offset, lambda octet: octet ^ 0xFF, block.size)
            answers = {await asked(said, port, f"query {digest.hex()}\r\n".encode()) for digest in listed}
    assert answers <= {b"", b"OK 1\r\n"}
    assert b"" in answers


async def test_a_line_that_does_not_end_is_not_waited_for(opened: Snapshot) -> None:
    """A client that sends part of a line and no more is closed; one that sends nothing may be silent for longer."""
    async with serving(opened) as (_, port):
        idle = await asyncio.open_connection("127.0.0.1", port)
        slow = await asyncio.open_connection("127.0.0.1", port)
        slow[1].write(b"quer")
        async with asyncio.timeout(20):
            assert await slow[0].read() == b""
        idle[1].write(b"query %b\n" % KNOWN[MD5][0].hex().encode())
        assert await idle[0].readline() == b"OK 1\r\n"
        for _, writer in (idle, slow):
            writer.close()


async def test_a_client_that_goes_on_within_lines_is_not_closed(opened: Snapshot) -> None:
    """Pieces that never end where a line does are no stall, as long as lines come."""
    line = b"query %b\n" % KNOWN[MD5][0].hex().encode()
    async with serving(opened) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line[:9])
        for _ in range(8):
            await asyncio.sleep(LIMITS.stall_seconds / 4)
            writer.write(line[9:] + line[:9])
            assert await reader.readline() == b"OK 1\r\n"
        writer.close()


async def test_a_client_that_takes_no_answers_is_closed(opened: Snapshot) -> None:
    """What waits for it is bounded: the server reads no further, and closes it."""
    async with serving(opened) as (_, port):
        sent = await asked(deaf, port)
        assert sent < 100 << 20
        assert await asked(said, port, b"status\r\n") == b"NOT SUPPORTED\r\n"


async def test_connections_are_limited(opened: Snapshot) -> None:
    """One too many is closed at once; those that are there go on, and a place that becomes free is taken."""
    async with serving(opened) as (_, port):
        there = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMITS.connections)]
        for reader, writer in there:
            writer.write(b"status\n")
            assert await reader.readline() == b"NOT SUPPORTED\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        there[0][1].write(b"BYE\n")
        assert await there[0][0].read() == b""
        assert await asked(said, port, b"status\n") == b"NOT SUPPORTED\r\n"
        for _, writer in there:
            writer.close()


async def test_closing_finishes_what_is_under_way(opened: Snapshot) -> None:
    """An answer that is being made is given; a client that is to speak is closed; nobody new is let in."""
    held = asyncio.Event()
    async with serving(opened, held) as (server, port):
        busy = await asyncio.open_connection("127.0.0.1", port)
        silent = await asyncio.open_connection("127.0.0.1", port)
        busy[1].write(b"query %b\r\n" % KNOWN[MD5][0].hex().encode())
        silent[1].write(b"status\r\n")
        assert await silent[0].readline() == b"NOT SUPPORTED\r\n"
        closing = asyncio.create_task(server.close(20))
        assert await silent[0].read() == b""
        assert not closing.done()
        held.set()
        assert await busy[0].read() == b"OK 1\r\n"
        await closing
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        for _, writer in (busy, silent):
            writer.close()


async def test_closing_does_not_wait_for_ever(opened: Snapshot) -> None:
    """After its time, what is under way is given up."""
    async with serving(opened, asyncio.Event()) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"query %b\r\n" % KNOWN[MD5][0].hex().encode())
        await asyncio.sleep(0.1)
        await server.close(0.1)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_addresses_are_taken(host: str) -> None:
    """Only this machine reaches them."""
    check_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "", "server.lab", "localhost.lab", "10.0.0.1"])
def test_other_addresses_are_refused(host: str) -> None:
    """A port that asks for no token is not opened to a network, nor by a name that might mean one."""
    with pytest.raises(UsageError, match="expected a loopback address"):
        check_loopback(host)
