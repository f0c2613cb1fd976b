"""Digests that stand in both a notable and a known list: counted when a list comes in, to surprise nobody later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from hashmatch.hashlists.entries import ListType
from hashmatch.store.catalogue import Stored
from hashmatch.store.database import Database
from hashmatch.store.generation import open_generation
from hashmatch.store.layout import DATABASE
from hashmatch.store.manifest import Contradiction, PinnedFile
from hashmatch.store.sealing import Sealer
from hashmatch.store.views import open_view

_OPPOSITE: Final = {ListType.NOTABLE: ListType.KNOWN, ListType.KNOWN: ListType.NOTABLE}


def find_contradictions(
    list_type: ListType,
    list_id: str,
    staging: Path,
    files: tuple[PinnedFile, ...],
    active: Sequence[Stored],
    views: Path,
    sealer: Sealer,
) -> tuple[Contradiction, ...]:
    """Count the digests of a new generation that active lists of the opposite type have too.

    One key seals every list of a store, so equal sealed keys are equal digests and nothing has to be unsealed.

    Raises:
        StoreDamaged: one of the generations is not what was sealed.
    """
    others = [s for s in active if s.manifest.type == _OPPOSITE.get(list_type) and s.manifest.list != list_id]
    found = []
    for other in others:
        shared = _count_shared(staging / DATABASE, files, other, views, sealer)
        if shared:
            manifest = other.manifest
            found.append(Contradiction(manifest.list, manifest.release, manifest.type, shared))
    return tuple(found)


def _count_shared(database: Path, files: tuple[PinnedFile, ...], other: Stored, views: Path, sealer: Sealer) -> int:
    with (
        open_view(views, database, files) as view,
        closing(Database(view)) as new,
        open_generation(views, other.directory, other.manifest, sealer) as opened,
    ):
        return sum(1 for key, _ in new.scan(b"", None) if opened.find(key))
