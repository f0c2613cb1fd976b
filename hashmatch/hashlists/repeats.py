"""Counting numbers that were seen before, among tens of millions, in bounded memory."""

from __future__ import annotations

from typing import Final

_BITS: Final = 1 << 16  # numbers in a chunk, one bit each
MOST_CHUNKS: Final = 4096  # 32 MiB: a quarter of a milliard numbers where they are dense, as those of a register are


class Repeats:
    """Remembers numbers exactly, as long as they do not lie too far apart for the memory there is."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}

    def again(self, number: int) -> bool | None:
        """Return whether a number was given before; None where there is no room to tell."""
        place, bit = divmod(number, _BITS)
        chunk = self._chunks.get(place)
        if chunk is None:
            if len(self._chunks) == MOST_CHUNKS:
                return None
            chunk = self._chunks[place] = bytearray(_BITS // 8)
        octet, mask = bit >> 3, 1 << (bit & 7)
        before = chunk[octet] & mask
        chunk[octet] |= mask
        return before != 0
