"""The store's inner loops in Python, with the results of native/: for installs without a compiler, and to test by.

`probe` alone answers less: it rules nothing out, for asking LevelDB is quicker than a filter in Python.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from mmap import mmap
from typing import Final, NamedTuple

import xxhash

SEALED_BYTES: Final = 16
BLOCK_BYTES: Final = 64
SHORT_VALUE: Final = 7
LONG_VALUE: Final = 15  # bytes of a value with one posting; store/postings.py describes them
SAID: Final = slice(4, 7)  # the flags and category of a value's first posting
NUMBER_SHORT: Final = 1 << 24
NUMBER_LONG: Final = 2 << 24
NUMBER_OTHER: Final = 4 << 24  # from here on the numbers of what else is said
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


def sift(
    state: bytes, prefix: bytes, octets: bytes, size: int, sections: Sequence[Section] | None
) -> tuple[bytes, bytes]:
    """Return the sealed keys, with their prefix and ascending, that some section may hold; and whose each is.

    Args:
        state: what `key_state` gave.
        prefix: stands before each digest and before each key.
        octets: digests of `size` bytes, end to end.
        size: of each, in bytes.
        sections: None where no filter can rule anything out.

    Returns:
        Keys end to end, and for each the position of its digest as u32 in the machine's byte order.

    Raises:
        ValueError: a block that was looked at is not what was written; names its filter.
    """
    del sections
    sealed = seal(state, prefix, [octets[at : at + size] for at in range(0, len(octets), size)])
    keys = [prefix + sealed[at : at + SEALED_BYTES] for at in range(0, len(sealed), SEALED_BYTES)]
    positions = sorted(range(len(keys)), key=keys.__getitem__)
    return b"".join(map(keys.__getitem__, positions)), array("I", positions).tobytes()


def ask(
    get: Callable[..., bytes | None], name: str, keys: bytes, width: int, positions: bytes, numbers: array[int]
) -> list[tuple[int, bytes]]:
    """Number what is said of each key, and return (position, value) of those of which more than one posting speaks.

    Args:
        get: returns the value of a key or None; what it raises is passed on.
        name: of an argument of `get` that is to be true.
        keys: of `width` bytes each, end to end.
        width: of each key, in bytes.
        positions: for each key as u32, where in `numbers` its number belongs.
        numbers: u32; for an absent key and those that are returned, what was there stays. All of them are in the
            machine's byte order.
    """
    others: list[tuple[int, bytes]] = []
    for at, position in zip(range(0, len(keys), width), memoryview(positions).cast("I"), strict=True):
        value = get(keys[at : at + width], **{name: True})
        if value is None:
            continue
        if len(value) in (SHORT_VALUE, LONG_VALUE):
            numbers[position] = number_of(value)
        else:
            others.append((position, value))
    return others


def number_of(value: bytes) -> int:
    """Return the number of what a value of one posting says: its flags and category, and how long it is."""
    said = int.from_bytes(value[SAID], "big")
    return (NUMBER_SHORT if len(value) == SHORT_VALUE else NUMBER_LONG) | said


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
