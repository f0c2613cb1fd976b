"""The bytes of keys and values in a store.

Key, 17 bytes: algorithm number, then 16 bytes of keyed BLAKE2b (RFC 7693).
Value: one posting for each entry that has the digest, ascending by ordinal, end to end. A posting is 7 or 15 bytes,
big-endian: u32 ordinal, u8 flags, u16 category, and a u64 size where the flags say so. The last posting is
marked, so that a value cut short or run together is seen, and records can be hashed without separators.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from hashmatch.hashlists.postings import Posting
from hashmatch.store.portable import NUMBER_SHORT

KEY_SIZE: Final = 17
MAX_ORDINAL: Final = 2**32 - 1
MAX_CATEGORY: Final = 2**16 - 1
MAX_FILE_SIZE: Final = 2**64 - 1

SIZED: Final = 0x80
LAST: Final = 0x40
_ALGORITHMS: Final = 0x07

_SHORT: Final = struct.Struct(">IBH")
_LONG: Final = struct.Struct(">IBHQ")

SHORT_SIZE: Final = _SHORT.size
LONG_SIZE: Final = _LONG.size
FLAGS_OFFSET: Final = 4


def encode(postings: Sequence[Posting]) -> bytes:
    """Return the value for `postings`, which must be at least one and ascend by ordinal."""
    if not postings:
        raise ValueError("a value holds at least one posting")
    if any(a.ordinal >= b.ordinal for a, b in pairwise(postings)):
        raise ValueError("postings do not ascend by ordinal")
    last = len(postings) - 1
    return b"".join(_encode_one(posting, LAST if i == last else 0) for i, posting in enumerate(postings))


def _encode_one(posting: Posting, mark: int) -> bytes:
    if not posting.algorithms or posting.algorithms & ~_ALGORITHMS:
        raise ValueError("a posting names at least one algorithm, and none that there is not")
    flags = posting.algorithms | mark
    if posting.size is None:
        return _SHORT.pack(posting.ordinal, flags, posting.category)
    return _LONG.pack(posting.ordinal, flags | SIZED, posting.category, posting.size)


def decode(value: bytes) -> tuple[Posting, ...]:
    """Return the postings of a value.

    Raises:
        ValueError: the bytes are no value that `encode` writes.
    """
    if len(value) == SHORT_SIZE:
        ordinal, flags, category = _SHORT.unpack(value)
        if flags & ~_ALGORITHMS == LAST and flags & _ALGORITHMS:
            return (Posting(ordinal, flags & _ALGORITHMS, category, None),)
    return tuple(_decode_all(value))


def decode_statements(value: bytes) -> tuple[Posting, ...]:
    """Return the postings of a value without what differs from digest to digest: ordinals anew from 0, and no sizes.

    Raises:
        ValueError: the bytes are no value that `encode` writes.
    """
    return tuple(p._replace(ordinal=ordinal, size=None) for ordinal, p in enumerate(decode(value)))


def decode_number(number: int) -> tuple[Posting, ...]:
    """Return what `decode_statements` gives for every value that `inner_loops.ask` gives this number.

    Raises:
        ValueError: no value that `encode` writes has it.
    """
    said = (number & NUMBER_SHORT - 1).to_bytes(SHORT_SIZE, "big")
    return decode_statements(said if number & NUMBER_SHORT else said.ljust(LONG_SIZE, b"\0"))


def _decode_all(value: bytes) -> list[Posting]:
    postings: list[Posting] = []
    at = 0
    while True:
        if len(value) - at < SHORT_SIZE:
            raise ValueError(f"a posting is cut at byte {at}")
        ordinal, flags, category = _SHORT.unpack_from(value, at)
        size = None
        if flags & SIZED:
            if len(value) - at < LONG_SIZE:
                raise ValueError(f"a posting is cut at byte {at}")
            size = _LONG.unpack_from(value, at)[3]
        if not flags & _ALGORITHMS or flags & ~(SIZED | LAST | _ALGORITHMS):
            raise ValueError(f"impossible flags at byte {at}")
        if postings and ordinal <= postings[-1].ordinal:
            raise ValueError(f"a posting out of order at byte {at}")
        postings.append(Posting(ordinal, flags & _ALGORITHMS, category, size))
        at += LONG_SIZE if flags & SIZED else SHORT_SIZE
        if flags & LAST:
            break
    if at != len(value):
        raise ValueError(f"{len(value) - at} bytes stand behind the last posting")
    return postings
