"""Algorithms and digests: fixed-size values, parsed once at the door.

Digest sizes: MD5 RFC 1321, SHA-1 and SHA-256 FIPS 180-4.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final


class Algorithm(enum.IntEnum):
    """The digests that lists and evidence are compared by.

    The number is on disk: it is the first byte of every key in a store.
    """

    MD5 = 1
    SHA1 = 2
    SHA256 = 3

    @property
    def label(self) -> str:
        """Name on the command line, in lists and in `hashlib`."""
        return self.name.lower()

    @property
    def size(self) -> int:
        """Length of a digest in bytes."""
        return _SIZES[self]

    @property
    def bit(self) -> int:
        """This algorithm in a set of algorithms written as an integer."""
        return 1 << (self - 1)

    @classmethod
    def named(cls, text: str) -> Algorithm:
        """Return the algorithm a person or a list calls `text`.

        Raises:
            ValueError: no algorithm has that name.
        """
        try:
            return _BY_NAME[text.strip().lower()]
        except KeyError:
            names = ", ".join(a.label for a in cls)
            raise ValueError(f"expected one of {names}, got {text!r}") from None


_SIZES: Final = {Algorithm.MD5: 16, Algorithm.SHA1: 20, Algorithm.SHA256: 32}
_BY_NAME: Final = {
    "md5": Algorithm.MD5,
    "sha1": Algorithm.SHA1,
    "sha-1": Algorithm.SHA1,
    "sha256": Algorithm.SHA256,
    "sha-256": Algorithm.SHA256,
    "sha2-256": Algorithm.SHA256,
}

ALL_ALGORITHMS: Final = tuple(Algorithm)

_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")


def mask_of(algorithms: Iterable[Algorithm]) -> int:
    """Return a set of algorithms as an integer, one bit for each."""
    mask = 0
    for algorithm in algorithms:
        mask |= algorithm.bit
    return mask


def algorithms_in(mask: int) -> tuple[Algorithm, ...]:
    """Return the algorithms of `mask`, in the order of their numbers."""
    return tuple(a for a in ALL_ALGORITHMS if mask & a.bit)


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest. Its octets never appear in `repr`, so they cannot slip into a log."""

    algorithm: Algorithm
    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.octets) != self.algorithm.size:
            raise ValueError(f"expected {self.algorithm.size} bytes for {self.algorithm.label}, got {len(self.octets)}")

    @classmethod
    def parse(cls, algorithm: Algorithm, text: bytes) -> Digest:
        """Read hexadecimal digits of either case.

        Raises:
            ValueError: says what was expected and found; never the digits.
        """
        return cls(algorithm, parse_hex(algorithm, text))


def parse_hex(algorithm: Algorithm, text: bytes) -> bytes:
    """Return the octets that hexadecimal `text` stands for.

    `int(text, 16)` and `bytes.fromhex` both take blanks, underscores or foreign digits, which in a list are
    damage; so every byte is checked.

    Raises:
        ValueError: says what was expected and found; never the digits.
    """
    digits = 2 * algorithm.size
    if len(text) != digits:
        raise ValueError(f"expected {digits} hexadecimal digits for {algorithm.label}, got {len(text)} characters")
    if not _HEX.fullmatch(text):
        raise ValueError(f"expected {digits} hexadecimal digits for {algorithm.label}, got another character")
    return bytes.fromhex(text.decode("ascii"))
