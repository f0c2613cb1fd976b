"""Hashing what clients send, all streams at hand side by side in a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from hashmatch.api.together import Together
from hashmatch.digests import Algorithm, algorithms_in, mask_of
from hashmatch.hashing.streams import Stream, update_streams

_AT_ONCE: Final = 64  # streams; four times the lanes of the widest registers
_MEMORY: Final = 64 << 20  # bytes; of all bodies that are being hashed, and as many again of those being received
_SHORTEST, _LONGEST = 64 << 10, 4 << 20  # bytes; changing threads costs as much as hashing some 100 KiB


class _Stretch(NamedTuple):
    content: Content
    pieces: Sequence[bytes]


class Content:
    """The running digests of one body.

    `sha512` is there for a client that proves its transfer with it; no list holds SHA-512.
    """

    def __init__(self, algorithms: Sequence[Algorithm], *, sha512: bool = False) -> None:
        self._mask = mask_of(algorithms)
        self.stream = Stream(self._mask)
        self.sha512 = hashlib.sha512() if sha512 else None
        self.size = 0

    def digests(self) -> dict[Algorithm, bytes]:
        """Return the digests of what has come so far."""
        return dict(zip(algorithms_in(self._mask), self.stream.digests(), strict=True))


class Hashing:
    """Used by one event loop."""

    def __init__(self) -> None:
        self._together: Together[_Stretch, None] = Together("hashing", _update_all, _AT_ONCE)
        self._open = 0

    def begin(self, algorithms: Sequence[Algorithm], *, sha512: bool = False) -> Content:
        """Return the digests of nothing yet; whoever begins a body ends it."""
        self._open += 1
        return Content(algorithms, sha512=sha512)

    def end(self) -> None:
        """Say that a body is at its end, or is given up."""
        self._open -= 1

    @property
    def stretch(self) -> int:
        """How many bytes of one body are best hashed at a time: as much as keeps all that are open within memory."""
        return min(max(_MEMORY // max(self._open, 1), _SHORTEST), _LONGEST)

    async def update(self, content: Content, pieces: Sequence[bytes]) -> None:
        """Take the next stretch of a body; one at a time of each body."""
        await self._together.ask(_Stretch(content, pieces))

    def close(self) -> None:
        """Wait for what is being hashed."""
        self._together.close()


def _update_all(stretches: Sequence[_Stretch]) -> list[None]:
    for at in range(max(len(stretch.pieces) for stretch in stretches)):
        side_by_side = [(content, pieces[at]) for content, pieces in stretches if at < len(pieces)]
        update_streams([content.stream for content, _ in side_by_side], [piece for _, piece in side_by_side])
    for content, pieces in stretches:
        content.size += sum(map(len, pieces))
        if content.sha512 is not None:
            for piece in pieces:
                content.sha512.update(piece)
    return [None] * len(stretches)
