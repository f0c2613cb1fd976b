"""The set of active generations that a scan or a lookup is pinned to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Final

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import NoActiveList, StoreDamaged
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.hashlists.postings import Posting
from hashmatch.store import numbered
from hashmatch.store.catalogue import Catalogue, Stored
from hashmatch.store.generation import Generation, open_generation
from hashmatch.store.inner_loops import probe, sift
from hashmatch.store.layout import Layout
from hashmatch.store.manifest import canonical
from hashmatch.store.mapped import give_back
from hashmatch.store.portable import Section
from hashmatch.store.sealing import Sealer
from hashmatch.store.views import sweep

# Look-ups; each may make some 128 KiB of mapped tables resident, and looking costs 10 microseconds.
_LOOK_AT_MEMORY_EVERY: Final = 512


@dataclass(frozen=True, slots=True)
class PinnedList:
    """What results have to say of one list of the snapshot.

    Attributes:
        categories: by the number that postings carry; number 0 is None.
        entry_masks: sets of algorithms that entries of the list have, as bit masks.
    """

    list_id: str
    release: str
    list_type: ListType
    authority: str
    signature: str
    generation: str
    content_root: str
    manifest_sha256: str
    entries: int
    imported: str
    categories: tuple[Category | None, ...]
    entry_masks: frozenset[int]


class Snapshot:
    """Knows the digests of the pinned lists. Threads may share it."""

    def __init__(
        self,
        pinned: Sequence[tuple[Stored, Generation]],
        sealer: Sealer,
        views: Path,
        only: frozenset[ListType] = frozenset(ListType),
        resident_limit: int | None = None,
    ) -> None:
        """Pin generations; lists of a type that is not among `only` have a number, but nothing asks them."""
        self._resident_limit = resident_limit
        self._pinned = pinned
        self._sealer = sealer
        self._views = views
        self._looked_up = 0
        # Numbers of lists are the same in every view.
        asked = [(number, *pair) for number, pair in enumerate(pinned) if pair[0].manifest.type in only]
        self._stored = [stored for _, stored, _ in asked]
        self._generations = {number: generation for number, _, generation in asked}
        self.lists = tuple(_pinned_list(stored, generation) for stored, generation in pinned)
        self.snapshot_id = snapshot_id(tuple(stored for stored, _ in pinned))
        self._asked = {
            algorithm: [(i, g.find) for i, g in self._generations.items() if algorithm in g.algorithms]
            for algorithm in ALL_ALGORITHMS
        }
        self._filters = {algorithm: self._sections(algorithm) for algorithm in ALL_ALGORITHMS}

    def _sections(self, algorithm: Algorithm) -> list[Section] | None:
        """Return the filters of the lists that have digests of this algorithm; None where one of them has no filter."""
        asked = [generation for generation in self._generations.values() if algorithm in generation.algorithms]
        sections = [generation.filter.section(algorithm) for generation in asked if generation.filter]
        return sections if len(sections) == len(asked) else None

    @cached_property
    def known(self) -> Snapshot:
        """A view of the same snapshot in which lists of known files alone are asked; open as long as this one is."""
        known = frozenset({ListType.KNOWN})
        return Snapshot(self._pinned, self._sealer, self._views, known, self._resident_limit)

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms that some list which is asked has digests of."""
        return tuple(algorithm for algorithm, asked in self._asked.items() if asked)

    def find(self, algorithm: Algorithm, digest: bytes) -> list[tuple[int, Posting]]:
        """Return (list number, posting) for every entry that has this digest.

        Raises:
            StoreDamaged: a record is damaged.
            StoreError: the store could not be read.
        """
        asked = self._asked[algorithm]
        if not asked:
            return []
        key = self._sealer.seal(algorithm, digest)
        self._count(1)
        return [(number, posting) for number, find in asked for posting in find(key)]

    def find_all(self, algorithm: Algorithm, octets: bytes, /) -> numbered.Found:
        """Return what the lists say of many digests of which nothing else is known.

        The lists are asked in the order of their keys, so that neighbours share what is read.

        Args:
            algorithm: of all the digests.
            octets: the digests, end to end.

        Raises:
            StoreDamaged: a filter or a record is damaged.
            StoreError: the store could not be read.
        """
        asked = [(number, each) for number, each in self._generations.items() if algorithm in each.algorithms]
        count = len(octets) // algorithm.size
        try:
            keys, positions = sift(
                self._sealer.key_state, bytes([algorithm]), octets, algorithm.size, self._filters[algorithm]
            )
        except ValueError as error:
            raise StoreDamaged(str(error)) from None
        self._count(count)
        return numbered.find(asked, keys, positions, count, self._count)

    def candidates(self, algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        """Return the positions of the files any of whose digests may be listed; those of no other file are.

        Args:
            algorithms: of each file's digests, in their order.
            digests: one tuple a file. Of one that has not a digest for each algorithm nothing can be ruled out.

        Raises:
            StoreDamaged: a filter is damaged.
        """
        everything = range(len(digests))
        filters = [self._filters[algorithm] for algorithm in algorithms]
        if None in filters or set(map(len, digests)) - {len(algorithms)}:
            return everything
        marks = bytearray(len(digests))
        for position, (algorithm, sections) in enumerate(zip(algorithms, filters, strict=True)):
            if sections:
                self._probe(algorithm, digests, position, sections, marks)
        return list(compress(everything, marks))

    def _probe(
        self,
        algorithm: Algorithm,
        digests: Sequence[tuple[bytes, ...]],
        position: int,
        sections: Sequence[Section],
        marks: bytearray,
    ) -> None:
        key_state, prefix = self._sealer.key_state, bytes([algorithm])
        try:
            probe(key_state, prefix, digests, position, algorithm.size, sections, marks)
        except ValueError as error:
            raise StoreDamaged(str(error)) from None
        self._count(len(digests))

    def _count(self, looked_up: int) -> None:
        """Count look-ups, and give mapped pages back every so many of them."""
        self._looked_up += looked_up
        if self._looked_up >= _LOOK_AT_MEMORY_EVERY:
            self._looked_up = 0
            filters = [g.filter for g in self._generations.values() if g.filter]
            give_back(self._views, filters, self._resident_limit)

    def sizes(self) -> bytes:
        """Return the sizes that entries give: ascending u64 in the machine's byte order, end to end.

        Raises:
            UsageError: the sizes of a list's entries are not all known.
            StoreDamaged: the sizes are not those that were sealed.
        """
        from hashmatch.store.sizes import united_sizes  # numpy, which only a scan that skips by size pays

        return united_sizes(self._stored)

    def check_canaries(self) -> None:
        """Check every pinned generation's canaries.

        Raises:
            StoreDamaged: an answer is wrong; no answer since the last check is to be believed.
        """
        for generation in self._generations.values():
            generation.check_canaries()


def snapshot_id(active: Sequence[Stored]) -> str:
    """Return SHA-256 over the canonical JSON of the active generations, in hexadecimal digits."""
    pinned = [
        {
            "content_root": stored.manifest.content_root,
            "list": stored.manifest.list,
            "manifest_sha256": stored.manifest_sha256,
            "release": stored.manifest.release,
        }
        for stored in active
    ]
    return hashlib.sha256(canonical(pinned)).hexdigest()


def active_lists(layout: Layout) -> tuple[Stored, ...]:
    """Return the active generations.

    Raises:
        NoActiveList: there are none; an empty snapshot would make every file a `no_match`.
        StoreDamaged: the catalogue is not what was written.
    """
    active = Catalogue(layout).active()
    if not active:
        raise NoActiveList(f"{layout.root}: no list is active; import one with 'hashmatch lists import'")
    return active


@contextmanager
def open_snapshot(layout: Layout, sealer: Sealer, resident_limit: int | None = None) -> Iterator[Snapshot]:
    """Pin the active generations and open each.

    Args:
        layout: of the store.
        sealer: has the key that they are sealed with.
        resident_limit: bytes of mapped files that this process may keep resident between look-ups; None for few.

    Raises:
        NoActiveList: nothing is active.
        SealingKeyError: a list was sealed with another key.
        StoreDamaged: a list is not what was sealed.
    """
    active = active_lists(layout)
    with ExitStack() as opened:
        pinned = [
            (stored, opened.enter_context(open_generation(layout.views, stored.directory, stored.manifest, sealer)))
            for stored in active
        ]
        sweep(layout.views)
        yield Snapshot(pinned, sealer, layout.views, resident_limit=resident_limit)


def _pinned_list(stored: Stored, generation: Generation) -> PinnedList:
    manifest = stored.manifest
    return PinnedList(
        manifest.list,
        manifest.release,
        manifest.type,
        manifest.authority,
        manifest.signature,
        stored.directory.name,
        manifest.content_root,
        stored.manifest_sha256,
        manifest.entries,
        manifest.imported,
        generation.categories,
        generation.entry_masks,
    )
