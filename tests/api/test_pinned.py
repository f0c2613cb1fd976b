"""The snapshot in use: which one an answer gets, and that none is closed under a reader."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hashmatch.api.pinned import Held, Pinned
from hashmatch.api.together import Together
from hashmatch.config import Settings
from hashmatch.errors import NoActiveList
from hashmatch.lists import activate, retire
from tests.madeup import digests, take_in, write_list


class Gate:
    """Lets a thread that opens lists wait, once it has opened them, until the test has done something meanwhile."""

    def __init__(self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.go_on = threading.Event(), threading.Event()
        self._open = pinned._open
        monkeypatch.setattr(pinned, "_open", self._open_and_wait)

    def _open_and_wait(self) -> Held:
        try:
            return self._open()
        finally:
            self.opened.set()
            assert self.go_on.wait(30)


@pytest.fixture
def two_releases(settings: Settings, tmp_path: Path) -> Settings:
    """Return a store with two releases of a list, the second active."""
    take_in(settings, write_list(tmp_path / "first", digests(1)), release="1")
    take_in(settings, write_list(tmp_path / "second", digests(1, "second")), release="2")
    return settings


@asynccontextmanager
async def pinning(settings: Settings) -> AsyncIterator[Pinned]:
    pinned = Pinned(settings)
    yield pinned
    await pinned.close()
    assert [path.name for path in (settings.store / "views").iterdir()] == ["lock"]


def releases(held: Held) -> list[str]:
    return [pinned.release for pinned in held.pin.snapshot.lists]


async def test_who_comes_while_lists_are_opened_gets_those_of_now(
    two_releases: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that finds lists being opened does not get them if others have become active in the meantime."""
    async with pinning(two_releases) as pinned:
        gate = Gate(pinned, monkeypatch)
        before = asyncio.create_task(pinned.take())
        await asyncio.to_thread(gate.opened.wait)
        activate(two_releases, "made-up", "1")
        after = [asyncio.create_task(pinned.take()) for _ in range(5)]
        await asyncio.sleep(0)
        gate.go_on.set()
        first, *others = [await taking for taking in (before, *after)]
        assert releases(first) == ["2"]
        assert [releases(held) for held in others] == [["1"]] * 5
        for held in (first, *others):
            pinned.give_back(held)


async def test_who_comes_while_opening_fails_is_not_refused_for_it(
    two_releases: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That lists could not be opened is no answer to who came after others had become active."""
    retire(two_releases, "made-up")
    async with pinning(two_releases) as pinned:
        gate = Gate(pinned, monkeypatch)
        before = asyncio.create_task(pinned.take())
        await asyncio.to_thread(gate.opened.wait)
        activate(two_releases, "made-up", "1")
        after = asyncio.create_task(pinned.take())
        await asyncio.sleep(0)
        gate.go_on.set()
        with pytest.raises(NoActiveList):
            await before
        pinned.give_back(await after)


async def test_a_snapshot_outlives_who_gives_up(two_releases: Settings) -> None:
    """A request that is given up while its thread reads does not close the snapshot; the thread's end does."""
    reads, go_on = threading.Event(), threading.Event()

    def read(held: list[Held]) -> list[bytes | BaseException]:
        reads.set()
        assert go_on.wait(30)
        held[0].pin.snapshot.check_canaries()
        return [b"read"]

    async with pinning(two_releases) as pinned:
        desk: Together[Held, bytes] = Together("reading", read, 1)  # type: ignore[arg-type]
        held = await pinned.take()
        asking = asyncio.create_task(desk.ask(held, pinned.kept(held)))
        await asyncio.to_thread(reads.wait)
        asking.cancel()
        await asyncio.wait([asking])
        pinned.give_back(held)
        activate(two_releases, "made-up", "1")
        pinned.give_back(await pinned.take())
        assert held.users == 1
        go_on.set()
        while held.users:
            await asyncio.sleep(0.001)
        desk.close()


async def test_what_is_asked_of_a_closed_desk_fails() -> None:
    """Nobody waits for a thread that has ended, and what they hold is let go."""
    let_go = []
    desk: Together[int, int] = Together("closed", lambda numbers: list(numbers), 1)
    assert await desk.ask(7) == 7
    desk.close()
    with pytest.raises(RuntimeError):
        await desk.ask(8, lambda: let_go.append(8))
    assert let_go == [8]
