"""Reads every record of a generation and compares it with what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.errors import StoreDamaged
from hashmatch.store.database import Database
from hashmatch.store.manifest import PinnedFile
from hashmatch.store.pool import Pool
from hashmatch.store.sizes import SizesCheck
from hashmatch.store.sorting import PARTITIONS, partition_digest, partition_start
from hashmatch.store.views import open_view

_PARTITIONS_A_TASK: Final = 256


class Stretch(NamedTuple):
    """Consecutive partitions of one sealed database, to be read through a view."""

    views: Path
    database: Path
    files: tuple[PinnedFile, ...]
    first: int
    stop: int
    sizes: Path | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is really there: the number of records and their root."""

    records: int
    root: str


def read_contents(
    views: Path, database: Path, files: tuple[PinnedFile, ...], pool: Pool, sizes: Path | None
) -> Contents:
    """Read every record once, with every checksum verified, and compare the postings with the list's `sizes`, if any.

    Raises:
        StoreDamaged: LevelDB found damage, or a pinned file is missing, exchanged or of another size; or the
            sizes are not those of the postings.
    """
    stretches = [
        Stretch(views, database, files, first, min(first + _PARTITIONS_A_TASK, PARTITIONS), sizes)
        for first in range(0, PARTITIONS, _PARTITIONS_A_TASK)
    ]
    root = hashlib.sha256()
    records = 0
    check = SizesCheck(sizes) if sizes is not None else None
    for count, digests, used_sizes in pool.map(_read_stretch, stretches):
        records += count
        root.update(digests)
        if check is not None:
            check.note(used_sizes)
    if check is not None:
        check.finish()
    return Contents(records, root.hexdigest())


def _read_stretch(stretch: Stretch) -> tuple[int, bytes, bytes]:
    total = 0
    digests = []
    check = SizesCheck(stretch.sizes) if stretch.sizes is not None else None
    with open_view(stretch.views, stretch.database, stretch.files) as view, closing(Database(view)) as database:
        for number in range(stretch.first, stretch.stop):
            stop = partition_start(number + 1) if number + 1 < PARTITIONS else None
            keys: list[bytes] = []
            values: list[bytes] = []
            database.read_into(keys, values, partition_start(number), stop)
            total += len(keys)
            joined = b"".join(values)
            digests.append(partition_digest(len(keys), b"".join(keys), joined))
            if check is not None:
                check.values(joined)
    return total, b"".join(digests), check.used if check is not None else b""


def pin_files(database: Path, names: Sequence[str]) -> tuple[PinnedFile, ...]:
    """Return size and SHA-256 of the named files of a directory."""
    pinned = []
    for name in sorted(names):
        with (database / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            pinned.append(PinnedFile(name, file.tell(), digest))
    return tuple(pinned)


def check_files(database: Path, files: tuple[PinnedFile, ...]) -> None:
    """Compare every byte of every file with its pin; this also sees damage where LevelDB keeps no checksum.

    Raises:
        StoreDamaged: names the first file that differs.
    """
    for pinned in files:
        try:
            found = pin_files(database, [pinned.name])[0]
        except OSError as error:
            raise StoreDamaged(f"{database / pinned.name}: {error.strerror}") from error
        if found != pinned:
            raise StoreDamaged(f"{database / pinned.name}: not the content that was sealed")
