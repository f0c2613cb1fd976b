"""The external sort of an import: by partition, in constant memory.

Sealed keys are uniformly distributed, so cutting the key space into equal partitions gives equal shares, and sorting
each on its own replaces a merge. A worker seals a piece of the list, groups its records by partition and appends them
to its own run file; afterwards each partition is gathered from the run files, sorted and freed of repetitions.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path
from typing import Final, NamedTuple

from hashmatch.digests import ALL_ALGORITHMS, algorithms_in
from hashmatch.hashlists.entries import Piece
from hashmatch.store.postings import FLAGS_OFFSET, KEY_SIZE, LAST, LONG_SIZE, SHORT_SIZE, SIZED
from hashmatch.store.records import FINGERPRINT_SIZE, RECORD_SIZE, Quarantined, seal_entries
from hashmatch.store.sealing import Sealer

PARTITION_BITS: Final = 10
PARTITIONS_PER_ALGORITHM: Final = 1 << PARTITION_BITS
PARTITIONS: Final = len(ALL_ALGORITHMS) * PARTITIONS_PER_ALGORITHM

_POSTING_AT: Final = KEY_SIZE + FINGERPRINT_SIZE
_FLAGS_AT: Final = _POSTING_AT + FLAGS_OFFSET
_SHORT_END: Final = _POSTING_AT + SHORT_SIZE
_LONG_END: Final = _POSTING_AT + LONG_SIZE


def partition_start(number: int) -> bytes:
    """Return the least key of a partition; the first one begins before every key."""
    if number == 0:
        return b""
    algorithm, part = divmod(number, PARTITIONS_PER_ALGORITHM)
    return bytes([algorithm + 1]) + (part << (16 - PARTITION_BITS)).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class SealedPiece:
    """Where the records of one piece lie, and what was counted on the way.

    Attributes:
        run: the run file.
        offset: where this piece begins in it, in bytes.
        lengths: bytes of each partition, in their order.
        masks: entries by the set of algorithms they have.
    """

    run: Path
    offset: int
    lengths: array[int]
    entries: int
    sized: int
    masks: Counter[int]
    quarantined: tuple[Quarantined, ...]
    dropped: Counter[str]
    notes: Counter[str]


class Task(NamedTuple):
    """One piece to seal; `categories` is one index for all its entries, or one index for each."""

    piece: Piece
    categories: int | Sequence[int]
    sealer: Sealer
    runs: Path


def seal_piece(task: Task) -> SealedPiece:
    """Parse and seal a piece and append its records to this process's run file.

    Raises:
        ListFormatError: with the place in the list.
        OSError: the run file cannot be written.
    """
    block = task.piece.entries()
    sealed = seal_entries(block, task.categories, task.sealer)
    grouped = b""
    lengths = array("I", bytes(4 * PARTITIONS))
    parts: list[bytes] = []
    for algorithm, records in sealed.records.items():
        first = (algorithm - 1) * PARTITIONS_PER_ALGORITHM
        groups: list[list[bytes]] = [[] for _ in range(PARTITIONS_PER_ALGORITHM)]
        for record in records:
            groups[record[1] << 2 | record[2] >> 6].append(record)
        for number, group in enumerate(groups, first):
            lengths[number] = len(group) * RECORD_SIZE
        parts.extend(chain.from_iterable(groups))
    grouped = b"".join(parts)
    run = task.runs / f"{os.getpid()}.run"
    with run.open("ab") as file:
        offset = file.tell()
        file.write(grouped)
    return SealedPiece(
        run,
        offset,
        lengths,
        len(block.places),
        sealed.sized,
        sealed.masks,
        sealed.quarantined,
        Counter(block.dropped),
        Counter(block.notes),
    )


class Slice(NamedTuple):
    """A stretch of a run file; offset and length in bytes."""

    run: Path
    offset: int
    length: int


@dataclass(slots=True)
class RunIndex:
    """Where each partition's records lie in the run files; grows by some kilobytes a piece."""

    pieces: list[tuple[Path, int, array[int]]] = field(default_factory=list)
    records: int = 0

    def add(self, piece: SealedPiece) -> None:
        self.pieces.append((piece.run, piece.offset, piece.lengths))
        self.records += sum(piece.lengths) // RECORD_SIZE

    def partitions(self) -> Iterator[list[Slice]]:
        """Yield the slices of every partition, empty ones too, in order."""
        positions = [offset for _, offset, _ in self.pieces]
        for number in range(PARTITIONS):
            slices = []
            for i, (run, _, lengths) in enumerate(self.pieces):
                length = lengths[number]
                if length:
                    slices.append(Slice(run, positions[i], length))
                    positions[i] += length
            yield slices


@dataclass(frozen=True, slots=True)
class SortedPartition:
    """Records in order of their keys, joined: two long strings cross a process border at no cost.

    Attributes:
        keys: 17 bytes each.
        values: end to end.
        lengths: bytes of each value; None where each is `SHORT_SIZE`.
        digest: of the partition, as `partition_digest` gives it.
        duplicates: entries that were said before.
    """

    keys: bytes
    values: bytes
    lengths: array[int] | None
    digest: bytes
    duplicates: int

    def __len__(self) -> int:
        return len(self.keys) // KEY_SIZE

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        keys, values = self.keys, self.values
        starts = range(0, len(keys), KEY_SIZE)
        if self.lengths is None:
            for at, start in zip(starts, range(0, len(values), SHORT_SIZE), strict=True):
                yield keys[at : at + KEY_SIZE], values[start : start + SHORT_SIZE]
            return
        start = 0
        for at, length in zip(starts, self.lengths, strict=True):
            yield keys[at : at + KEY_SIZE], values[start : start + length]
            start += length


def sort_partition(slices: Sequence[Slice]) -> SortedPartition:
    """Gather one partition from the run files, sort it and drop what is said twice."""
    content = b"".join(_read(slices))
    records = [content[at : at + RECORD_SIZE] for at in range(0, len(content), RECORD_SIZE)]
    records.sort()
    keys = [record[:KEY_SIZE] for record in records]
    duplicates = 0
    if len(set(keys)) == len(keys):
        values = [record[_POSTING_AT : _LONG_END if record[_FLAGS_AT] & SIZED else _SHORT_END] for record in records]
    else:
        keys, values, duplicates = _merge(records)
    joined_keys, joined_values = b"".join(keys), b"".join(values)
    uniform = len(joined_values) == SHORT_SIZE * len(keys)
    lengths = None if uniform else array("I", map(len, values))
    digest = partition_digest(len(keys), joined_keys, joined_values)
    return SortedPartition(joined_keys, joined_values, lengths, digest, duplicates)


def partition_digest(count: int, keys: bytes, values: bytes) -> bytes:
    """Return SHA-256 over the number of records (u64, big-endian), their keys and their values.

    Keys have one length and a value tells its own end, so no two partitions give the same input.
    """
    return sha256(count.to_bytes(8, "big") + keys + values).digest()


def _read(slices: Sequence[Slice]) -> Iterator[bytes]:
    for run, members in groupby(slices, key=lambda s: s.run):
        descriptor = os.open(run, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for _, offset, length in members:
                content = os.pread(descriptor, length, offset)
                if len(content) != length:
                    raise OSError(f"run file ends early: expected {length} bytes at {offset}, got {len(content)}")
                yield content
        finally:
            os.close(descriptor)


def _merge(records: Sequence[bytes]) -> tuple[list[bytes], list[bytes], int]:
    keys: list[bytes] = []
    values: list[bytes] = []
    duplicates = 0
    for key, group in groupby(records, key=lambda record: record[:KEY_SIZE]):
        postings: list[bytes] = []
        said: set[bytes] = set()
        for record in group:
            # Equal fingerprint, flags, category and size: the same entry again. Records are sorted, so the
            # one that stays has the lowest ordinal, and the same one stays for every digest of the entry.
            statement = record[KEY_SIZE:_POSTING_AT] + record[_FLAGS_AT:]
            if statement in said:
                duplicates += _is_first_digest(record)
                continue
            said.add(statement)
            postings.append(record[_POSTING_AT : _LONG_END if record[_FLAGS_AT] & SIZED else _SHORT_END])
        postings.sort()
        keys.append(key)
        values.append(_join(postings))
    return keys, values, duplicates


def _is_first_digest(record: bytes) -> bool:
    """Count an entry once, however many digests it has."""
    return algorithms_in(record[_FLAGS_AT])[0] == record[0]


def _join(postings: Sequence[bytes]) -> bytes:
    unmarked = [p[:FLAGS_OFFSET] + bytes([p[FLAGS_OFFSET] & ~LAST]) + p[FLAGS_OFFSET + 1 :] for p in postings[:-1]]
    return b"".join(unmarked) + postings[-1]
