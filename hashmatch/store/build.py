"""Builds a sealed generation from the pieces of a list, in a staging directory.

Seal and partition, sort, write in order, compact, close, pin every file, read everything back and compare. Nothing is
visible to readers until the catalogue has renamed the finished directory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.errors import ListFormatError, StoreDamaged, StoreUnwritable
from hashmatch.hashlists.entries import Category, ParsedPiece, Piece
from hashmatch.store import database
from hashmatch.store.filter import salt_for
from hashmatch.store.filterbuild import Joiner
from hashmatch.store.layout import DATABASE, FILTER, QUARANTINE, SIZES
from hashmatch.store.manifest import Canary, PinnedFile
from hashmatch.store.pool import Pool
from hashmatch.store.postings import MAX_CATEGORY
from hashmatch.store.records import Quarantined
from hashmatch.store.sealing import Sealer
from hashmatch.store.sizes import DistinctSizes
from hashmatch.store.sorting import (
    PARTITIONS_PER_ALGORITHM,
    RunIndex,
    SealedPiece,
    SortedPartition,
    Task,
    seal_piece,
    sort_partition,
)
from hashmatch.store.verify import pin_files, read_contents

CANARIES: Final = 64
_RUNS: Final = "runs"


class CategoryTable:
    """Gives each category of a list its number, from 1 in the order of appearance; 0 means none."""

    def __init__(self, default: Category | None) -> None:
        self._numbers: dict[Category, int] = {}
        self._default = 0 if default is None else self._number(default)

    @property
    def categories(self) -> tuple[Category, ...]:
        return tuple(self._numbers)

    def numbers_for(self, piece: Piece) -> int | list[int]:
        """Return one number for all entries of a piece, or one for each.

        Raises:
            ListFormatError: the list has more categories than a posting can count.
        """
        if isinstance(piece, ParsedPiece) and piece.block.categories is not None:
            return [self._default if c is None else self._number(c) for c in piece.block.categories]
        return self._default

    def _number(self, category: Category) -> int:
        number = self._numbers.setdefault(category, len(self._numbers) + 1)
        if number > MAX_CATEGORY:
            raise ListFormatError(f"expected at most {MAX_CATEGORY} different categories, got more")
        return number


@dataclass(slots=True)
class Tally:
    """What was counted while a list was taken in."""

    entries: int = 0
    duplicates: int = 0
    sized: int = 0
    masks: Counter[int] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    digests: Counter[str] = field(default_factory=Counter)

    def add(self, piece: SealedPiece) -> None:
        self.entries += sum(piece.masks.values())
        self.sized += piece.sized
        self.masks.update(piece.masks)
        self.dropped.update(piece.dropped)
        self.notes.update(piece.notes)
        self.quarantined.update(q.reason for q in piece.quarantined)


@dataclass(frozen=True, slots=True)
class Built:
    """A database that was written, read back and found to hold what was sealed."""

    tally: Tally
    categories: tuple[Category, ...]
    records: int
    content_root: str
    files: tuple[PinnedFile, ...]
    filter: PinnedFile
    sizes: PinnedFile | None
    canaries: tuple[Canary, ...]


def build_generation(
    staging: Path,
    views: Path,
    pieces: Iterable[Piece],
    categories: CategoryTable,
    sealer: Sealer,
    pool: Pool,
    progress: Callable[[str, int], None],
) -> Built:
    """Build `staging/db`, `filter.bin`, `quarantine.jsonl` and, where every entry gives a size, `sizes.bin`.

    Args:
        staging: an empty directory.
        views: where views may be made.
        pieces: the list, in order.
        categories: gains the list's categories.
        sealer: seals every digest.
        pool: does the work.
        progress: called with the name of the step and the entries or records done in it.

    Raises:
        ListFormatError: with the place in the list.
        StoreDamaged: what was read back is not what was written.
        StoreUnwritable, OSError: the disk refused.
    """
    index, tally, sizes = _seal(staging, pieces, categories, sealer, pool, progress)
    ledger = _Ledger(tally, progress)
    directory = staging / DATABASE
    count = database.build(directory, ledger.record(pool.map(sort_partition, index.partitions())), index.records)
    sizes_path = staging / SIZES if tally.sized == tally.entries else None
    if sizes_path is not None:
        sizes.write(sizes_path)
    shutil.rmtree(staging / _RUNS)
    files = pin_files(directory, _keep_sealed_files(directory))
    progress("verify", 0)
    with (staging / FILTER).open("xb") as file:
        joiner = Joiner(salt_for(ledger.root), file.write)
        found = read_contents(views, directory, files, pool, tally.digests, joiner, sizes_path)
    if (found.records, found.root) != (count, ledger.root):
        raise StoreDamaged(
            f"{directory}: read back {found.records} records, expected {count}; or their content differs"
        )
    pinned_filter = pin_files(staging, [FILTER])[0]
    pinned_sizes = pin_files(staging, [SIZES])[0] if sizes_path is not None else None
    return Built(
        tally, categories.categories, count, ledger.root, files, pinned_filter, pinned_sizes, ledger.canaries()
    )


def _seal(
    staging: Path,
    pieces: Iterable[Piece],
    categories: CategoryTable,
    sealer: Sealer,
    pool: Pool,
    progress: Callable[[str, int], None],
) -> tuple[RunIndex, Tally, DistinctSizes]:
    runs = staging / _RUNS
    runs.mkdir(mode=0o700)
    index, tally, sizes = RunIndex(), Tally(), DistinctSizes(runs)
    tasks = (Task(piece, categories.numbers_for(piece), sealer, runs) for piece in pieces)
    with (staging / QUARANTINE).open("xb") as quarantine:
        for sealed in pool.map(seal_piece, tasks):
            index.add(sealed)
            tally.add(sealed)
            sizes.add(sealed.sizes)
            quarantine.writelines(_quarantine_lines(sealed.quarantined))
            progress("seal", tally.entries)
    return index, tally, sizes


def _quarantine_lines(quarantined: Sequence[Quarantined]) -> Iterator[bytes]:
    for held in quarantined:
        line = {"place": held.place, "algorithm": held.algorithm.label, "reason": held.reason}
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class _Ledger:
    """Watches sorted partitions pass on their way into the database: root, counts, canaries."""

    def __init__(self, tally: Tally, progress: Callable[[str, int], None]) -> None:
        self._tally = tally
        self._progress = progress
        self._root = hashlib.sha256()
        self._candidates: list[tuple[bytes, bytes]] = []

    @property
    def root(self) -> str:
        return self._root.hexdigest()

    def record(self, partitions: Iterable[SortedPartition]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        done = 0
        last: SortedPartition | None = None
        for number, partition in enumerate(partitions):
            algorithm = ALL_ALGORITHMS[number // PARTITIONS_PER_ALGORITHM]
            self._root.update(partition.digest)
            self._tally.duplicates += partition.duplicates
            if partition.divided:
                self._tally.notes["digest_in_several_categories"] += partition.divided
            if len(partition):
                self._tally.digests[algorithm.label] += len(partition)
                self._candidates.append(next(iter(partition)))
                last = partition
            yield iter(partition)
            done += len(partition)
            self._progress("write", done)
        if last is not None:
            self._candidates.append(deque(last, maxlen=1).pop())

    def canaries(self) -> tuple[Canary, ...]:
        """Choose present keys spread evenly over the key space, the first and the last among them."""
        found = self._candidates
        count = min(CANARIES, len(found))
        chosen = sorted({i * (len(found) - 1) // max(count - 1, 1) for i in range(count)})
        return tuple(Canary(found[i][0].hex(), found[i][1].hex()) for i in chosen)


def _keep_sealed_files(directory: Path) -> list[str]:
    """Drop what LevelDB makes anew at each opening, flush the rest, and return its names."""
    kept = []
    for entry in list(os.scandir(directory)):
        if entry.name in ("LOCK", "LOG", "LOG.old"):
            os.unlink(entry.path)
        elif entry.name.endswith(".log"):
            if entry.stat().st_size:
                # A compaction runs in LevelDB's own thread, and plyvel does not pass on that it failed.
                raise StoreUnwritable(f"{directory}: the tables could not be written; no space left, or a failed write")
            os.unlink(entry.path)
        else:
            kept.append(entry.name)
    return kept
