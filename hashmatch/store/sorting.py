"""The external sort of an import: by partition, in constant memory.

Sealed keys are uniformly distributed, so cutting the key space into equal partitions gives equal shares, and sorting
each on its own replaces a merge. A worker seals a piece of the list, groups its records by partition and appends them
to its own run file; afterwards each partition is gathered from the run files, sorted and freed of repetitions.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashmatch.digests import ALL_ALGORITHMS, algorithms_in
from hashmatch.hashlists.entries import Piece
from hashmatch.store.postings import FLAGS_OFFSET, KEY_SIZE, LAST, LONG_SIZE, SHORT_SIZE, SIZED
from hashmatch.store.records import FINGERPRINT_SIZE, RECORD, RECORD_SIZE, Quarantined, Records, seal_entries
from hashmatch.store.sealing import Sealer

PARTITION_BITS: Final = 10
PARTITIONS_PER_ALGORITHM: Final = 1 << PARTITION_BITS
PARTITIONS: Final = len(ALL_ALGORITHMS) * PARTITIONS_PER_ALGORITHM

_POSTING_AT: Final = KEY_SIZE + FINGERPRINT_SIZE
_FLAGS_AT: Final = _POSTING_AT + FLAGS_OFFSET
_SHORT_END: Final = _POSTING_AT + SHORT_SIZE
_CATEGORY: Final = slice(FLAGS_OFFSET + 1, SHORT_SIZE)
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
        sized: entries that give a size.
        sizes: the different sizes they give.
        masks: entries by the set of algorithms they have.
    """

    run: Path
    offset: int
    lengths: NDArray[np.uint32]
    entries: int
    sized: int
    sizes: NDArray[np.uint64]
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
    lengths = np.zeros(PARTITIONS, np.uint32)
    grouped: list[bytes] = []
    for algorithm, records in sorted(sealed.records.items()):
        numbers = _partition_numbers(records)
        order = np.argsort(numbers, kind="stable")
        first = (algorithm - 1) * PARTITIONS_PER_ALGORITHM
        counts = np.bincount(numbers, minlength=PARTITIONS_PER_ALGORITHM)
        lengths[first : first + PARTITIONS_PER_ALGORITHM] = counts * RECORD_SIZE
        grouped.append(records[order].tobytes())
    run = task.runs / f"{os.getpid()}.run"
    with run.open("ab") as file:
        offset = file.tell()
        file.writelines(grouped)
    return SealedPiece(
        run,
        offset,
        lengths,
        len(block.places),
        sealed.sized,
        sealed.sizes,
        sealed.masks,
        sealed.quarantined,
        Counter(block.dropped),
        Counter(block.notes),
    )


def _partition_numbers(records: Records) -> NDArray[np.uint16]:
    octets = _octets(records)
    high, low = octets[:, 1].astype(np.uint16), octets[:, 2]
    numbers = (high << (PARTITION_BITS - 8)) | (low >> (16 - PARTITION_BITS))
    return numbers.astype(np.uint16)


def _octets(records: Records) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(len(records), RECORD_SIZE)


class Slice(NamedTuple):
    """A stretch of a run file; offset and length in bytes."""

    run: Path
    offset: int
    length: int


@dataclass(slots=True)
class RunIndex:
    """Where each partition's records lie in the run files; grows by some kilobytes a piece."""

    pieces: list[tuple[Path, int, NDArray[np.uint32]]] = field(default_factory=list)
    records: int = 0

    def add(self, piece: SealedPiece) -> None:
        self.pieces.append((piece.run, piece.offset, piece.lengths))
        self.records += int(piece.lengths.sum()) // RECORD_SIZE

    def partitions(self) -> Iterator[list[Slice]]:
        """Yield the slices of every partition, empty ones too, in order."""
        positions = [offset for _, offset, _ in self.pieces]
        for number in range(PARTITIONS):
            slices = []
            for i, (run, _, lengths) in enumerate(self.pieces):
                length = int(lengths[number])
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
        width: bytes of each value where all have one length, else 0.
        lengths: bytes of each value where they differ.
        digest: of the partition, as `partition_digest` gives it.
        duplicates: entries that were said before.
        divided: digests that stand under more than one category.
    """

    keys: bytes
    values: bytes
    width: int
    lengths: array[int]
    digest: bytes
    duplicates: int
    divided: int

    def __len__(self) -> int:
        return len(self.keys) // KEY_SIZE

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        values = _cut(self.values, self.width) if self.width else self._values_of_many_lengths()
        return zip(_cut(self.keys, KEY_SIZE), values, strict=True)

    def _values_of_many_lengths(self) -> Iterator[bytes]:
        start = 0
        for length in self.lengths:
            yield self.values[start : start + length]
            start += length


def _cut(content: bytes, width: int) -> Iterator[bytes]:
    """Cut into pieces of one width, without a step of the interpreter for each."""
    return chain.from_iterable(struct.iter_unpack(f"{width}s", content))


def sort_partition(slices: Sequence[Slice]) -> SortedPartition:
    """Gather one partition from the run files, sort it and drop what is said twice."""
    content = b"".join(_read(slices))
    return _sort_plain(content) or _sort_thoroughly(content)


def _sort_plain(content: bytes) -> SortedPartition | None:
    """Sort a partition in which every key stands once and all values are of one length; None for another one."""
    records = np.frombuffer(content, RECORD)
    octets = _octets(records)
    # Half a key all but always decides; where two halves are equal, the thorough way looks at the rest.
    halves = octets[:, 1:9].copy().view(">u8").ravel().astype(np.uint64)
    order = np.argsort(halves)
    ordered = halves[order]
    sized = np.count_nonzero(records["flags"] & SIZED)
    if sized not in (0, len(records)) or np.any(ordered[1:] == ordered[:-1]):
        return None
    width = LONG_SIZE if sized else SHORT_SIZE
    keys = octets[order, :KEY_SIZE].tobytes()
    values = octets[order, _POSTING_AT : _POSTING_AT + width].tobytes()
    digest = partition_digest(len(records), keys, values)
    return SortedPartition(keys, values, width, array("I"), digest, 0, 0)


def _sort_thoroughly(content: bytes) -> SortedPartition:
    records = sorted(content[at : at + RECORD_SIZE] for at in range(0, len(content), RECORD_SIZE))
    keys, values, duplicates, divided = _merge(records)
    joined_keys, joined_values = b"".join(keys), b"".join(values)
    digest = partition_digest(len(keys), joined_keys, joined_values)
    return SortedPartition(joined_keys, joined_values, 0, array("I", map(len, values)), digest, duplicates, divided)


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


def _merge(records: Sequence[bytes]) -> tuple[list[bytes], list[bytes], int, int]:
    keys: list[bytes] = []
    values: list[bytes] = []
    duplicates = divided = 0
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
        divided += len(postings) > 1 and len({posting[_CATEGORY] for posting in postings}) > 1
        keys.append(key)
        values.append(_join(postings))
    return keys, values, duplicates, divided


def _is_first_digest(record: bytes) -> bool:
    """Count an entry once, however many digests it has."""
    return algorithms_in(record[_FLAGS_AT])[0] == record[0]


def _join(postings: Sequence[bytes]) -> bytes:
    unmarked = [p[:FLAGS_OFFSET] + bytes([p[FLAGS_OFFSET] & ~LAST]) + p[FLAGS_OFFSET + 1 :] for p in postings[:-1]]
    return b"".join(unmarked) + postings[-1]
