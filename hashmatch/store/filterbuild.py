"""Building a filter, and building it again to compare: from stretches of sorted keys that are read side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hashmatch.store.filter import Blocks
from hashmatch.store.inner_loops import close, fill
from hashmatch.store.portable import BLOCK_BYTES
from hashmatch.store.postings import KEY_SIZE

_SPACE: Final = 1 << 32  # blocks are chosen by the first 32 bits of a key


class StretchOfFilter:
    """The blocks that a stretch of the key space has keys in; those at its ends it may share with its neighbours."""

    def __init__(self, blocks: Blocks, start: int, stop: int, parts: int) -> None:
        """Begin with no key; the stretch runs from `start` up to and without `stop` of `parts` equal parts."""
        self._blocks = blocks
        self._first = blocks.place_of(start * _SPACE // parts)
        self._content = bytearray((blocks.place_of(stop * _SPACE // parts - 1) - self._first + 1) * BLOCK_BYTES)

    def add(self, keys: bytes) -> None:
        """Take sealed keys, end to end."""
        fill(self._content, self._first, self._blocks.number, keys, KEY_SIZE)

    def finish(self) -> tuple[int, bytearray]:
        """Return the number of the first block in the whole filter, and the blocks without their check values."""
        return self._blocks.first + self._first, self._content


class Joiner:
    """Joins stretches in order and hands on finished blocks; holds no more than one stretch."""

    def __init__(self, salt: int, take: Callable[[bytes | bytearray], object]) -> None:
        self._salt = salt
        self._take = take
        self._first = 0
        self._held = bytearray()

    def add(self, first: int, blocks: bytearray) -> None:
        """Take the next stretch: it goes on where the one before ended, or with that one's last block."""
        if self._held and first == self._first + len(self._held) // BLOCK_BYTES - 1:
            shared = self._held[-BLOCK_BYTES:]
            blocks[:BLOCK_BYTES] = bytes(a | b for a, b in zip(shared, blocks[:BLOCK_BYTES], strict=True))
            del self._held[-BLOCK_BYTES:]
        self._hand_on()
        self._first, self._held = first, blocks

    def finish(self) -> None:
        self._hand_on()
        self._held = bytearray()

    def _hand_on(self) -> None:
        close(self._held, self._first, self._salt)
        self._take(self._held)
