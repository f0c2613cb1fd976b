"""The match rule: how far a file agrees with the entries of a hash list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hashmatch.digests import Algorithm


class Posting(NamedTuple):
    """That a digest stands in an entry of a list, and what else the entry has to say.

    Attributes:
        ordinal: the entry; digests of one record share it, which is what ties them together.
        algorithms: the algorithms the entry has digests for, as a bit mask (`hashmatch.digests.mask_of`).
        category: index into the list's categories; 0 means the entry has none.
        size: the file size the entry gives, in bytes, or None.
    """

    ordinal: int
    algorithms: int
    category: int
    size: int | None


class KnownHashes(Protocol):
    """Something that knows listed digests: all the match rule asks of a store."""

    def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:
        """Return (list number, posting) for every entry of every pinned list that has this digest.

        Raises:
            StoreDamaged: the store cannot answer; never an empty answer in its place.
        """
        ...
