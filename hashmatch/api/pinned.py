"""The snapshot that answers are made with, and its change to another while requests are under way.

Every request looks whether the active lists are still those of the snapshot in use; if not, it waits until the new
ones are open. So an answer that begins after an activation was acknowledged, by whichever process, is made with the
new lists, and one that began before is made with the old ones to its end. A snapshot is closed when the last answer
made with it is: closing LevelDB under a reader ends the process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from hashmatch.api.asking import Pin
from hashmatch.config import Settings
from hashmatch.errors import HashmatchError, StoreError
from hashmatch.store.layout import Layout
from hashmatch.store.opening import open_lists

_RETRY_SECONDS: Final = 1.0
# Of the machine's memory. Of few digests each that is listed touches pages of its own. To map one of them again costs
# several times what looking it up does; the pages are the page cache's, which takes them back where memory is short.
_RESIDENT_SHARE: Final = 4


class _Mark(NamedTuple):
    """Tells one `active.json` from another: it is replaced by rename, never written in place."""

    inode: int
    modified: int
    size: int


@dataclass(slots=True)
class Held:
    """A snapshot in use, by how many answers, and whether a newer one has taken its place."""

    pin: Pin
    mark: _Mark | None
    opened: ExitStack
    users: int = 0
    replaced: bool = False


class Pinned:
    """Used by one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._active = os.fspath(Layout(settings.store).active)
        self._held: Held | None = None
        self._looked = False
        self._renewing: asyncio.Task[Held] | None = None
        self._failure: tuple[float, _Mark | None, HashmatchError] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="snapshot")

    async def take(self) -> Held:
        """Return the snapshot of the lists that are active now; whoever takes it gives it back.

        Raises:
            NoActiveList: none is active.
            StoreError: they cannot be opened.
        """
        held = self._held
        if held is None or not self._looked:
            mark = self._mark()
            if held is None or held.mark != mark:
                held = await self._renewed(mark)
            elif not self._looked:
                # What was looked at holds for all requests that came in the same turn of the event loop.
                self._looked = True
                asyncio.get_running_loop().call_soon(self._look_again)
        held.users += 1
        return held

    def _look_again(self) -> None:
        self._looked = False

    def give_back(self, held: Held) -> None:
        """Say that an answer is made."""
        held.users -= 1
        self._close_if_unused(held)

    def kept(self, held: Held) -> Callable[[], None]:
        """Keep a snapshot for a thread that reads it, and return what gives it back when the thread has done.

        Whoever waits for the thread may give up before that.
        """
        held.users += 1
        return partial(self.give_back, held)

    async def check(self) -> None:
        """Look the canaries up; where one is not found, the lists are opened anew before anything else is answered.

        Raises:
            StoreDamaged: a canary was not found.
            NoActiveList, StoreError: there is no snapshot to look them up in.
        """
        held = await self.take()
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, held.pin.snapshot.check_canaries)
        except StoreError:
            if held is self._held:
                self._replace(held, None)
            raise
        finally:
            self.give_back(held)

    async def close(self) -> None:
        """Close the snapshot once nobody uses it."""
        if self._held is not None:
            self._replace(self._held, None)
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)

    async def _renewed(self, mark: _Mark | None) -> Held:
        """Return a snapshot of lists that were active at some moment since the request looked, and saw `mark`."""
        while self._renewing is not None:
            # It was begun before this request, and may have read lists that were replaced since.
            with suppress(HashmatchError):
                held = await _result(self._renewing)
                if held.mark == mark:
                    return held
            mark = self._mark()
        loop = asyncio.get_running_loop()
        if self._failure is not None:
            when, failed, error = self._failure
            if failed == mark and loop.time() - when < _RETRY_SECONDS:
                raise error.with_traceback(None)
        self._renewing = loop.create_task(self._renew())
        return await _result(self._renewing)

    async def _renew(self) -> Held:
        loop = asyncio.get_running_loop()
        mark = self._mark()
        try:
            held = await loop.run_in_executor(self._executor, self._open)
        except HashmatchError as error:
            self._failure = (loop.time(), mark, error)
            if self._held is not None:
                self._replace(self._held, None)
            raise
        finally:
            self._renewing = None
        self._failure = None
        self._replace(self._held, held)
        return held

    def _open(self) -> Held:
        with ExitStack() as stack:
            mark = None
            with suppress(OSError):
                # Open for as long as the snapshot is: so no later file can get the same inode, and pass for this one.
                descriptor = os.open(self._active, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
                mark = _mark_of(os.fstat(descriptor))
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            snapshot = stack.enter_context(open_lists(self._settings, memory // _RESIDENT_SHARE))
            snapshot.check_canaries()
            return Held(Pin.of(snapshot), mark, stack.pop_all())

    def _replace(self, old: Held | None, new: Held | None) -> None:
        self._held = new
        if old is not None and not old.replaced:
            old.replaced = True
            self._close_if_unused(old)

    def _close_if_unused(self, held: Held) -> None:
        if held.replaced and not held.users:
            self._executor.submit(held.opened.close)

    def _mark(self) -> _Mark | None:
        try:
            status = os.stat(self._active)
        except OSError:
            return None
        return _mark_of(status)


async def _result(renewing: asyncio.Task[Held]) -> Held:
    # Shielded: a client that goes away must not take the new snapshot from the others.
    return await asyncio.shield(renewing)


def _mark_of(status: os.stat_result) -> _Mark:
    return _Mark(status.st_ino, status.st_mtime_ns, status.st_size)
