"""That a digest is listed: what an entry says of each of its digests."""

from __future__ import annotations

from typing import NamedTuple


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
