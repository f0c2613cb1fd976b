"""From entries to sealed records: the inner loop of an import.

A record is 40 bytes: key, fingerprint of the entry, posting. The fingerprint tells whole entries apart, so that an
entry given twice is stored once without its digests being kept anywhere; an entry of one digest needs none, because
its key says it all.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

from hashmatch.digests import Algorithm
from hashmatch.errors import ListFormatError
from hashmatch.hashlists.entries import EntryBlock
from hashmatch.hashlists.junk import junk_digests, junk_reason
from hashmatch.store.postings import KEY_SIZE, LAST, LONG_SIZE, MAX_FILE_SIZE, MAX_ORDINAL, SIZED
from hashmatch.store.sealing import Sealer

FINGERPRINT_SIZE: Final = 8
RECORD_SIZE: Final = KEY_SIZE + FINGERPRINT_SIZE + LONG_SIZE

_NO_FINGERPRINT: Final = bytes(FINGERPRINT_SIZE)
_TAIL: Final = struct.Struct(f">{FINGERPRINT_SIZE}sIBHQ")

_Columns = Mapping[Algorithm, Sequence[bytes | None]]


class Quarantined(NamedTuple):
    """A junk digest that was held back: where it stood and why; never which it was."""

    place: int
    algorithm: Algorithm
    reason: str


@dataclass(frozen=True, slots=True)
class SealedEntries:
    """Records by algorithm, unsorted; `masks` counts entries by the set of algorithms they keep."""

    records: dict[Algorithm, list[bytes]]
    masks: Counter[int]
    sized: int
    quarantined: tuple[Quarantined, ...]


def seal_entries(block: EntryBlock, categories: int | Sequence[int], sealer: Sealer) -> SealedEntries:
    """Seal every digest of a block; junk digests are held back, and the rest of their entries is kept.

    Raises:
        ListFormatError: a place or a size is beyond what a posting can hold.
    """
    columns, quarantined = _without_junk(block)
    masks = _masks(columns, len(block.places))
    tails = _tails(block, columns, masks, categories, sealer)
    records = {}
    for algorithm, column in columns.items():
        prefix = bytes([algorithm])
        fresh = sealer.state(algorithm)
        sealed: list[bytes] = []
        append = sealed.append
        for digest, tail in zip(column, tails, strict=True):
            if digest is not None:
                state = fresh()
                state.update(digest)
                append(prefix + state.digest() + tail)
        records[algorithm] = sealed
    counts = Counter(masks)
    counts.pop(0, None)
    sized = 0
    if block.sizes is not None:
        sized = sum(1 for size, mask in zip(block.sizes, masks, strict=True) if size is not None and mask)
    return SealedEntries(records, counts, sized, quarantined)


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


def _masks(columns: _Columns, count: int) -> list[int]:
    masks = [0] * count
    for algorithm, column in columns.items():
        bit = algorithm.bit
        masks = [mask if digest is None else mask | bit for mask, digest in zip(masks, column, strict=True)]
    return masks


def _tails(
    block: EntryBlock, columns: _Columns, masks: Sequence[int], categories: int | Sequence[int], sealer: Sealer
) -> list[bytes]:
    """Return fingerprint and posting of every entry: what follows the key in its records."""
    if block.places and block.places[-1] > MAX_ORDINAL:
        raise ListFormatError(f"expected at most {MAX_ORDINAL} lines or records", place=block.places[-1])
    indexes = repeat(categories) if isinstance(categories, int) else categories
    sizes: Sequence[int | None] | repeat[None] = repeat(None) if block.sizes is None else block.sizes
    tails = []
    for row, (place, mask, category, size) in enumerate(zip(block.places, masks, indexes, sizes, strict=False)):
        flags = mask | LAST
        if size is not None:
            if not 0 <= size <= MAX_FILE_SIZE:
                raise ListFormatError("file size: expected 0 to 2^64 - 1 bytes", place=place)
            flags |= SIZED
        several = mask & (mask - 1)
        mark = sealer.fingerprint(_canonical(columns, row, category, size)) if several else _NO_FINGERPRINT
        tails.append(_TAIL.pack(mark, place, flags, category, size or 0))
    return tails


def _canonical(columns: _Columns, row: int, category: int, size: int | None) -> bytes:
    parts = [b"%d,%d" % (category, -1 if size is None else size)]
    for algorithm in sorted(columns):
        digest = columns[algorithm][row]
        if digest is not None:
            parts.append(bytes([algorithm]) + digest)
    return b"".join(parts)
