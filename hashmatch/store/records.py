"""From entries to sealed records: the inner loop of an import.

A record is 40 bytes: key, fingerprint of the entry, posting. The fingerprint tells whole entries apart, so that an
entry given twice is stored once without its digests being kept anywhere; an entry of one digest needs none, because
its key says it all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashmatch.digests import Algorithm
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.junk import junk_digests, junk_reason
from hashmatch.store.postings import KEY_SIZE, LAST, LONG_SIZE, MAX_FILE_SIZE, MAX_ORDINAL, SIZED
from hashmatch.store.sealing import Sealer
from hashmatch.store.sizes import distinct

FINGERPRINT_SIZE: Final = 8
RECORD_SIZE: Final = KEY_SIZE + FINGERPRINT_SIZE + LONG_SIZE

# The fields of a record as they lie; integers are big-endian, so that bytes sort as numbers do.
RECORD: Final = np.dtype(
    [
        ("algorithm", "u1"),
        ("sealed", "V16"),
        ("fingerprint", "V8"),
        ("ordinal", ">u4"),
        ("flags", "u1"),
        ("category", ">u2"),
        ("size", ">u8"),
    ]
)
assert RECORD.itemsize == RECORD_SIZE

Records = NDArray[np.void]
_Numbers = NDArray[np.uint64]
_Columns = Mapping[Algorithm, Sequence[bytes | None]]


class Quarantined(NamedTuple):
    """A junk digest that was held back: where it stood and why; never which it was."""

    place: int
    algorithm: Algorithm
    reason: str


@dataclass(frozen=True, slots=True)
class SealedEntries:
    """Records by algorithm, unsorted.

    Attributes:
        masks: entries by the set of algorithms they keep.
        sized: entries that keep a digest and give a size.
        sizes: the different sizes they give, ascending.
    """

    records: dict[Algorithm, Records]
    masks: Counter[int]
    sized: int
    sizes: NDArray[np.uint64]
    quarantined: tuple[Quarantined, ...]


def seal_entries(block: EntryBlock, categories: int | Sequence[int], sealer: Sealer) -> SealedEntries:
    """Seal every digest of a block; junk digests are held back, and the rest of their entries is kept.

    Raises:
        ListFormatError: a place or a size is beyond what a posting can hold.
    """
    columns, quarantined = _without_junk(block)
    count = len(block.places)
    masks = _masks(columns, count)
    entries = _entries(block, columns, masks, categories, sealer)
    records = {algorithm: _seal_column(algorithm, column, entries, sealer) for algorithm, column in columns.items()}
    used, numbers = np.unique(masks[masks != 0], return_counts=True)
    sizes = entries["size"][(masks != 0) & (entries["flags"] & SIZED != 0)]
    return SealedEntries(
        records,
        Counter(dict(zip(used.tolist(), numbers.tolist(), strict=True))),
        len(sizes),
        distinct([sizes]),
        quarantined,
    )


def _seal_column(algorithm: Algorithm, column: Sequence[bytes | None], entries: Records, sealer: Sealer) -> Records:
    """Return the records of one algorithm: each entry's own part, with the sealed digest before it."""
    if None in column:
        present = np.fromiter((digest is not None for digest in column), bool, len(column))
        entries = entries[present]
    records = entries.copy()
    records["algorithm"] = algorithm
    records["sealed"] = np.frombuffer(sealer.seal_many(algorithm, column), "V16")
    return records


def _without_junk(block: EntryBlock) -> tuple[_Columns, tuple[Quarantined, ...]]:
    columns: dict[Algorithm, Sequence[bytes | None]] = {}
    quarantined: list[Quarantined] = []
    for algorithm, column in block.digests.items():
        junk = junk_digests(algorithm)
        if junk.isdisjoint(column):
            columns[algorithm] = column
            continue
        kept: list[bytes | None] = []
        for place, digest in zip(block.places, column, strict=True):
            reason = None if digest is None else junk_reason(algorithm, digest)
            if reason is not None:
                quarantined.append(Quarantined(place, algorithm, reason))
            kept.append(digest if reason is None else None)
        columns[algorithm] = kept
    return columns, tuple(sorted(quarantined))


def _masks(columns: _Columns, count: int) -> NDArray[np.uint8]:
    masks = np.zeros(count, np.uint8)
    for algorithm, column in columns.items():
        present = (digest is not None for digest in column)
        masks |= np.uint8(algorithm.bit) * (np.fromiter(present, np.uint8, count) if None in column else np.uint8(1))
    return masks


def _entries(
    block: EntryBlock,
    columns: _Columns,
    masks: NDArray[np.uint8],
    categories: int | Sequence[int],
    sealer: Sealer,
) -> Records:
    """Return what is the same in all records of an entry: fingerprint and posting."""
    entries = np.zeros(len(masks), RECORD)
    if len(masks) and block.places[-1] > MAX_ORDINAL:
        raise ListFormatError(f"expected at most {MAX_ORDINAL} lines or records", place=block.places[-1])
    entries["ordinal"] = block.places
    entries["flags"] = masks | LAST
    entries["category"] = categories
    if block.sizes is not None:
        _check_sizes(block.places, block.sizes)
        given = np.fromiter((size is not None for size in block.sizes), bool, len(masks))
        entries["flags"] |= np.where(given, np.uint8(SIZED), np.uint8(0))
        entries["size"] = np.fromiter((size or 0 for size in block.sizes), np.uint64, len(masks))
    several = np.flatnonzero(masks & (masks - 1)).tolist()
    if several:
        entries["fingerprint"][several] = _fingerprints(several, columns, categories, block.sizes, sealer)
    return entries


def _check_sizes(places: Sequence[int], sizes: Sequence[int | None]) -> None:
    for place, size in zip(places, sizes, strict=True):
        if size is not None and not 0 <= size <= MAX_FILE_SIZE:
            raise ListFormatError("file size: expected 0 to 2^64 - 1 bytes", place=place)


def _fingerprints(
    rows: Iterable[int],
    columns: _Columns,
    categories: int | Sequence[int],
    sizes: Sequence[int | None] | None,
    sealer: Sealer,
) -> Records:
    entries = []
    for row in rows:
        category = categories if isinstance(categories, int) else categories[row]
        entries.append(_canonical(columns, row, category, None if sizes is None else sizes[row]))
    return np.frombuffer(sealer.fingerprints(entries), "V8")[::2]


def _canonical(columns: _Columns, row: int, category: int, size: int | None) -> bytes:
    parts = [b"%d,%d" % (category, -1 if size is None else size)]
    for algorithm in sorted(columns):
        digest = columns[algorithm][row]
        if digest is not None:
            parts.append(bytes([algorithm]) + digest)
    return b"".join(parts)
