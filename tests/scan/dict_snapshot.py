"""A snapshot of lists that are held in memory: what a scan needs, without a store."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hashmatch.digests import ALL_ALGORITHMS, Algorithm, algorithms_in, mask_of
from hashmatch.errors import StoreDamaged, UsageError
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.hashlists.postings import Posting


def digests_of(content: bytes, algorithms: Sequence[Algorithm] = ALL_ALGORITHMS) -> dict[Algorithm, bytes]:
    return {a: hashlib.new(a.label, content).digest() for a in algorithms}


@dataclass
class DictList:
    """One list; rows are entries: (digests by algorithm, category number, size)."""

    list_id: str = "notable-1"
    release: str = "2024-01"
    list_type: ListType = ListType.NOTABLE
    rows: list[tuple[Mapping[Algorithm, bytes], int, int | None]] = field(default_factory=list)
    categories: tuple[Category | None, ...] = (None, Category("vics", "1"), Category("vics", "2"))
    authority: str = "Test authority"
    signature: str = "unsigned"
    generation: str = "2024-01-0a1b2c3d"
    content_root: str = "7" * 64
    imported: str = "2024-01-01T00:00:00+00:00"

    @property
    def entries(self) -> int:
        return len(self.rows)

    @property
    def entry_masks(self) -> frozenset[int]:
        return frozenset(mask_of(digests) for digests, _, _ in self.rows)

    def listing(
        self,
        *contents: bytes,
        algorithms: Sequence[Algorithm] = ALL_ALGORITHMS,
        category: int = 0,
        size: int | None = None,
    ) -> DictList:
        """Add an entry for each content and return the list."""
        self.rows += [(digests_of(content, algorithms), category, size) for content in contents]
        return self


@dataclass
class DictSnapshot:
    """Implements `PinnedSnapshot`. Digests in `broken` make `find` fail, as a damaged store would."""

    lists: Sequence[DictList]
    broken: frozenset[bytes] = frozenset()
    canaries_alive: int = 1_000
    snapshot_id: str = "5" * 64
    _found: dict[tuple[Algorithm, bytes], list[tuple[int, Posting]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, each in enumerate(self.lists):
            for ordinal, (digests, category, size) in enumerate(each.rows):
                posting = Posting(ordinal, mask_of(digests), category, size)
                for key in digests.items():
                    self._found.setdefault(key, []).append((number, posting))

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        mask = 0
        for each in self.lists:
            for entry_mask in each.entry_masks:
                mask |= entry_mask
        return algorithms_in(mask)

    def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:
        if digest in self.broken:
            raise StoreDamaged("a block fails its checksum")
        return self._found.get((algorithm, digest), ())

    def candidates(self, _algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        return range(len(digests))

    def sizes(self) -> bytes:
        sizes = {size for each in self.lists for _, _, size in each.rows}
        if None in sizes:
            raise UsageError("skip-by-size: an entry gives no size")
        return array("Q", sorted(size for size in sizes if size is not None)).tobytes()

    def check_canaries(self) -> None:
        self.canaries_alive -= 1
        if self.canaries_alive < 0:
            raise StoreDamaged("a canary is not found")
