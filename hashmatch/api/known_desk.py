"""Where lists of known files are asked on behalf of older protocols: in a thread beside those of the look-ups' desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar, cast

from hashmatch.api.pinned import Held, Pinned
from hashmatch.api.together import Together
from hashmatch.errors import HashmatchError
from hashmatch.store.snapshot import Snapshot

_T = TypeVar("_T")

_AT_ONCE: Final = 64


class KnownDesk:
    """Used by one event loop."""

    def __init__(self, pinned: Pinned) -> None:
        self._pinned = pinned
        self._thread: Together[Callable[[], object], object] = Together("known files", _each, _AT_ONCE)

    async def ask(self, held: Held, work: Callable[[Snapshot], _T]) -> _T:
        """Do work with a snapshot that whoever asks has taken.

        Raises:
            RequestRefused: no list of known files can answer.
            StoreError: the store cannot answer.
        """
        answer = await self._thread.ask(partial(work, held.pin.snapshot), self._pinned.kept(held))
        return cast("_T", answer)

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.close()


def _each(work: Sequence[Callable[[], object]]) -> list[object]:
    return [_done(one) for one in work]


def _done(work: Callable[[], object]) -> object:
    try:
        return work()
    except HashmatchError as error:
        return error
