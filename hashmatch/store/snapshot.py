"""The set of active generations that a scan or a lookup is pinned to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import NoActiveList
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.hashlists.postings import Posting
from hashmatch.store.catalogue import Catalogue, Stored
from hashmatch.store.generation import Generation, open_generation
from hashmatch.store.layout import Layout
from hashmatch.store.manifest import canonical
from hashmatch.store.mapped import give_back
from hashmatch.store.sealing import Sealer
from hashmatch.store.sizes import united_sizes
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
    """Knows the digests of every pinned list. Threads may share it."""

    def __init__(self, pinned: Sequence[tuple[Stored, Generation]], sealer: Sealer, views: Path) -> None:
        self._sealer = sealer
        self._views = views
        self._found = 0
        self._stored = [stored for stored, _ in pinned]
        self._generations = [generation for _, generation in pinned]
        self.lists = tuple(_pinned_list(stored, generation) for stored, generation in pinned)
        self.snapshot_id = snapshot_id(tuple(stored for stored, _ in pinned))
        self._asked = {
            algorithm: [(i, g.find) for i, g in enumerate(self._generations) if algorithm in g.algorithms]
            for algorithm in ALL_ALGORITHMS
        }

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms that some pinned list has digests of."""
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
        self._found += 1
        if self._found % _LOOK_AT_MEMORY_EVERY == 0:
            give_back(self._views)
        return [(number, posting) for number, find in asked for posting in find(key)]

    def candidates(self, _algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        """Return the positions of the files any of whose digests may be listed."""
        return range(len(digests))

    def sizes(self) -> bytes:
        """Return the sizes that entries give: ascending u64 in the machine's byte order, end to end.

        Raises:
            UsageError: the sizes of a list's entries are not all known.
            StoreDamaged: the sizes are not those that were sealed.
        """
        return united_sizes(self._stored)

    def check_canaries(self) -> None:
        """Check every pinned generation's canaries.

        Raises:
            StoreDamaged: an answer is wrong; no answer since the last check is to be believed.
        """
        for generation in self._generations:
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
def open_snapshot(layout: Layout, sealer: Sealer) -> Iterator[Snapshot]:
    """Pin the active generations and open each.

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
        yield Snapshot(pinned, sealer, layout.views)


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
