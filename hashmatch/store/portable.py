"""The store's inner loops in Python, with the results of native/: for installs without a compiler, and to test by.

`probe` alone answers less: it rules nothing out, for asking LevelDB is quicker than a filter in Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from mmap import mmap
from typing import Final, NamedTuple

import xxhash

SEALED_BYTES: Final = 16
BLOCK_BYTES: Final = 64
WORDS: Final = 7  # of bits in a block; the eighth word is its check value


class Section(NamedTuple):
    """The blocks that one algorithm has in a filter.

    Attributes:
        name: what an error calls the filter.
        filter: the whole file.
        first: number of the first block within it.
        blocks: how many there are.
        salt: of the generation, added to a block's number to seed its check value.
    """

    name: str
    filter: mmap | bytes
    first: int
    blocks: int
    salt: int


def key_state(key: bytes) -> bytes:
    """Return what the other functions want of the key."""
    return key


def seal(state: bytes, prefix: bytes, messages: Sequence[bytes | None], lanes: int = 0) -> bytes:
    """Return the keyed BLAKE2b-128 of prefix and message, end to end, for each message that is not None.

    `lanes` chooses among the forms that the code in C has, for tests; 0 is the quickest.
    """
    del lanes
    # Copying a keyed state costs half of keying one anew.
    fresh = hashlib.blake2b(prefix, key=state, digest_size=SEALED_BYTES).copy
    sealed: list[bytes] = []
    for message in messages:
        if message is not None:
            hashed = fresh()
            hashed.update(message)
            sealed.append(hashed.digest())
    return b"".join(sealed)


def order(state: bytes, prefix: bytes, messages: Sequence[bytes]) -> tuple[list[bytes], list[int]]:
    """Return sealed keys with their prefix, ascending, and for each the position of its message."""
    sealed = seal(state, prefix, messages)
    keys = [prefix + sealed[at : at + SEALED_BYTES] for at in range(0, len(sealed), SEALED_BYTES)]
    positions = sorted(range(len(keys)), key=keys.__getitem__)
    return [keys[position] for position in positions], positions


def probe(
    state: bytes,
    prefix: bytes,
    rows: Sequence[tuple[bytes, ...]],
    position: int,
    size: int,
    sections: Sequence[Section],
    marks: bytearray,
) -> None:
    """Mark every row whose digest at `position` may be in some section; one that has no digest of that size, too.

    Raises:
        ValueError: a block that was looked at is not what was written; names its filter.
    """
    del state, prefix, position, size, sections
    marks[: len(rows)] = b"\1" * len(rows)


def fill(blocks: bytearray, first: int, count: int, keys: bytes, width: int) -> None:
    """Set the bits of keys in the blocks that follow `first`, of `count` that the algorithm has.

    `keys` are sealed keys end to end, `width` bytes each, of which the last 16 are used.

    Raises:
        ValueError: a key belongs to another block.
    """
    import numpy as np  # a tenth of a second that only imports pay

    sealed = np.frombuffer(keys, np.uint8).reshape(-1, width)[:, width - SEALED_BYTES :]
    leading = sealed[:, :4].copy().view(">u4").ravel().astype(np.uint64)
    choice = sealed[:, 8:].copy().view(">u8").ravel().astype(np.uint64)
    numbers = (leading * np.uint64(count) >> np.uint64(32)).astype(np.int64) - first
    words = np.frombuffer(blocks, "<u8").reshape(-1, WORDS + 1)
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(words)):
        raise ValueError("expected whole keys of these blocks")
    for word in range(WORDS):
        bits = np.uint64(1) << (choice >> np.uint64(6 * word) & np.uint64(63))
        np.bitwise_or.at(words[:, word], numbers, bits)


def close(blocks: bytearray, first: int, salt: int) -> None:
    """Write the check value of every block; `first` is the number of the first of them within the whole filter."""
    for at in range(0, len(blocks), BLOCK_BYTES):
        check = check_value(blocks[at : at + 8 * WORDS], first + at // BLOCK_BYTES, salt)
        blocks[at + 8 * WORDS : at + BLOCK_BYTES] = check.to_bytes(8, "little")


def check_value(bits: bytes | bytearray, number: int, salt: int) -> int:
    """Return XXH64 of a block's bits, seeded so that no other block's check value fits."""
    return xxhash.xxh64_intdigest(bytes(bits), seed=(salt + number) & (2**64 - 1))
