"""The use case of asking about files of which several digests, and perhaps the size, are known.

More than one digest lets the match rule judge: two that agree make a weak match strong, and one that agrees beside one
that differs is a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from hashmatch.digests import Algorithm
from hashmatch.hashlists.junk import empty_file
from hashmatch.lookup import Answer
from hashmatch.matching import KnownHashes, decide
from hashmatch.outcomes import Outcome


class Record(NamedTuple):
    """What is known of one file; at least one digest."""

    digests: Mapping[Algorithm, bytes]
    size: int | None


class KnownRecords(KnownHashes, Protocol):
    """What a look-up of records asks of a store."""

    def candidates(self, algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        """Return the positions of the files any of whose digests may be listed; those of no other file are.

        Raises:
            StoreDamaged: the store cannot answer.
        """
        ...


_NO_MATCH: Final = Answer(Outcome.NO_MATCH, ())
_EXCLUDED: Final = Answer(Outcome.EXCLUDED, ())


def look_up_records(records: Sequence[Record], known: KnownRecords) -> list[Answer]:
    """Return an answer for each record, in order.

    Raises:
        StoreError: the store cannot answer.
    """
    answers = [_NO_MATCH] * len(records)
    alike: dict[tuple[Algorithm, ...], list[int]] = {}
    for position, record in enumerate(records):
        if _is_empty(record):
            answers[position] = _EXCLUDED
        else:
            alike.setdefault(tuple(record.digests), []).append(position)
    for algorithms, positions in alike.items():
        digests = [tuple(records[position].digests.values()) for position in positions]
        for found in known.candidates(algorithms, digests):
            position = positions[found]
            agreements = decide(records[position].digests, records[position].size, known)
            if agreements:
                answers[position] = Answer(Outcome.MATCH, agreements)
    return answers


def _is_empty(record: Record) -> bool:
    """Tell whether this is the empty file, which identifies nothing, whatever a list says."""
    return record.size == 0 or any(octets == empty_file(algorithm) for algorithm, octets in record.digests.items())
