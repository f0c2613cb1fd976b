"""Reads every record of a generation and compares it with what was sealed; what it reads, filters are built from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import StoreDamaged
from hashmatch.store.database import Database
from hashmatch.store.filter import Blocks, blocks_for, salt_for
from hashmatch.store.filterbuild import Joiner, StretchOfFilter
from hashmatch.store.layout import DATABASE, FILTER, SIZES
from hashmatch.store.manifest import Manifest, PinnedFile
from hashmatch.store.mapped import give_back
from hashmatch.store.pool import Pool
from hashmatch.store.sizes import SizesCheck
from hashmatch.store.sorting import PARTITIONS, PARTITIONS_PER_ALGORITHM, partition_digest, partition_start
from hashmatch.store.views import open_view

_PARTITIONS_A_TASK: Final = 32  # a part of one algorithm's; each task opens a view, and holds its part of the filter


class Stretch(NamedTuple):
    """Consecutive partitions of one algorithm in a sealed database, and the blocks of the filter to build from them."""

    views: Path
    database: Path
    files: tuple[PinnedFile, ...]
    first: int
    stop: int
    blocks: Blocks | None
    sizes: Path | None


class Read(NamedTuple):
    """What one stretch holds: number of records, digests of the partitions, its part of the filter, sizes it uses."""

    records: int
    digests: bytes
    filter: tuple[int, bytearray] | None
    sizes: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What is really there: the number of records and their root."""

    records: int
    root: str


def read_contents(
    views: Path,
    database: Path,
    files: tuple[PinnedFile, ...],
    pool: Pool,
    digests: Mapping[str, int],
    joiner: Joiner | None,
    sizes: Path | None,
) -> Contents:
    """Read every record once, with every checksum verified; give `joiner` the filter that the records make.

    The filter is laid out by `digests`, the number of keys that each algorithm should have, by its label. Postings are
    compared with the list's `sizes`, if it has any.

    Raises:
        StoreDamaged: LevelDB found damage, or a pinned file is missing, exchanged or of another size; or the
            sizes are not those of the postings.
    """
    blocks = blocks_for(digests) if joiner else {}
    stretches = (
        Stretch(views, database, files, first, first + _PARTITIONS_A_TASK, blocks.get(_algorithm_of(first)), sizes)
        for first in range(0, PARTITIONS, _PARTITIONS_A_TASK)
    )
    root = hashlib.sha256()
    records = 0
    check = SizesCheck(sizes) if sizes is not None else None
    for read in pool.map(_read_stretch, stretches):
        records += read.records
        root.update(read.digests)
        if joiner and read.filter:
            joiner.add(*read.filter)
        if check:
            check.note(read.sizes)
    if joiner:
        joiner.finish()
    if check:
        check.finish()
    return Contents(records, root.hexdigest())


def verify_generation(views: Path, generation: Path, manifest: Manifest, pool: Pool) -> Contents:
    """Compare every byte of every file with its pin, and every record and the filter with what was sealed.

    Raises:
        StoreDamaged: something is not as it was sealed.
    """
    database = generation / DATABASE
    check_files(database, manifest.files)
    check_files(generation, [file for file in (manifest.filter, manifest.sizes) if file])
    sizes = generation / SIZES if manifest.sizes else None
    with ExitStack() as opened:
        joiner = None
        if manifest.filter:
            file = opened.enter_context((generation / FILTER).open("rb"))
            joiner = Joiner(salt_for(manifest.content_root), lambda blocks: _compare(file, blocks))
        found = read_contents(views, database, manifest.files, pool, manifest.digests, joiner, sizes)
    if found.records != manifest.records:
        raise StoreDamaged(f"{database}: expected {manifest.records} records, got {found.records}")
    if found.root != manifest.content_root:
        raise StoreDamaged(f"{database}: the records are not those that were sealed")
    return found


def _compare(file: BinaryIO, blocks: bytes | bytearray) -> None:
    if file.read(len(blocks)) != blocks:
        raise StoreDamaged(f"{file.name}: not the filter that the records make")


def _algorithm_of(partition: int) -> Algorithm:
    return ALL_ALGORITHMS[partition // PARTITIONS_PER_ALGORITHM]


def _read_stretch(stretch: Stretch) -> Read:
    total = 0
    digests = []
    start = stretch.first % PARTITIONS_PER_ALGORITHM
    building = stretch.blocks and StretchOfFilter(
        stretch.blocks, start, start + stretch.stop - stretch.first, PARTITIONS_PER_ALGORITHM
    )
    check = SizesCheck(stretch.sizes) if stretch.sizes is not None else None
    with open_view(stretch.views, stretch.database, stretch.files) as view, closing(Database(view)) as database:
        for number in range(stretch.first, stretch.stop):
            stop = partition_start(number + 1) if number + 1 < PARTITIONS else None
            keys: list[bytes] = []
            values: list[bytes] = []
            database.read_into(keys, values, partition_start(number), stop)
            total += len(keys)
            joined_keys, joined_values = b"".join(keys), b"".join(values)
            digests.append(partition_digest(len(keys), joined_keys, joined_values))
            if building:
                building.add(joined_keys)
            give_back(stretch.views)
            if check:
                check.values(joined_values)
    return Read(total, b"".join(digests), building.finish() if building else None, check.used if check else b"")


def pin_files(directory: Path, names: Sequence[str]) -> tuple[PinnedFile, ...]:
    """Return size and SHA-256 of the named files of a directory."""
    pinned = []
    for name in sorted(names):
        with (directory / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            pinned.append(PinnedFile(name, file.tell(), digest))
    return tuple(pinned)


def check_files(directory: Path, files: Sequence[PinnedFile]) -> None:
    """Compare every byte of every file with its pin; this also sees damage where LevelDB keeps no checksum.

    Raises:
        StoreDamaged: names the first file that differs.
    """
    for pinned in files:
        try:
            found = pin_files(directory, [pinned.name])[0]
        except OSError as error:
            raise StoreDamaged(f"{directory / pinned.name}: {error.strerror}") from error
        if found != pinned:
            raise StoreDamaged(f"{directory / pinned.name}: not the content that was sealed")
