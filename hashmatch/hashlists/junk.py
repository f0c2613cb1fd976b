"""Digests that identify nothing: all zero, of the empty file, of blocks filled with one byte.

Lists hold them by mistake, and every disk holds the files: a match on one says nothing about anybody.
"""

from __future__ import annotations

import functools
import hashlib
from types import MappingProxyType
from typing import Final

from hashmatch.digests import Algorithm

ALL_ZERO: Final = "all_zero"
EMPTY_FILE: Final = "empty_file"
FILLER_BLOCK: Final = "filler_block"

_FILLERS: Final = (0x00, 0xFF)
_SMALLEST, _LARGEST = 512, 1 << 20  # bytes; a sector, and the largest cluster or carving block in use


def junk_reason(algorithm: Algorithm, octets: bytes) -> str | None:
    """Return why a digest identifies nothing, or None for a digest that may."""
    return _reasons(algorithm).get(octets)


def junk_digests(algorithm: Algorithm) -> frozenset[bytes]:
    """Return all digests that `junk_reason` has a reason for."""
    return frozenset(_reasons(algorithm))


@functools.cache
def empty_file(algorithm: Algorithm) -> bytes:
    """Return the digest of the empty file."""
    return hashlib.new(algorithm.label).digest()


@functools.cache
def _reasons(algorithm: Algorithm) -> MappingProxyType[bytes, str]:
    reasons = {bytes(algorithm.size): ALL_ZERO, empty_file(algorithm): EMPTY_FILE}
    for filler in _FILLERS:
        reasons.update((digest, FILLER_BLOCK) for digest in _filler_digests(algorithm, filler))
    return MappingProxyType(reasons)


def _filler_digests(algorithm: Algorithm, filler: int) -> list[bytes]:
    """Return the digests of blocks of one byte, for every power of two between the two sizes."""
    running = hashlib.new(algorithm.label)
    digests = []
    filled, size = 0, _SMALLEST
    while size <= _LARGEST:
        running.update(bytes([filler]) * (size - filled))
        digests.append(running.digest())
        filled, size = size, size * 2
    return digests
