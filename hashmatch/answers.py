"""Answers to look-ups in the words of results: which list says what of a digest, and how strong that is."""

from __future__ import annotations

from collections.abc import Sequence

from hashmatch.digests import Algorithm, algorithms_in
from hashmatch.lookup import Answer
from hashmatch.matching import Agreement
from hashmatch.store.snapshot import PinnedList


def result(answer: Answer, lists: Sequence[PinnedList]) -> dict[str, object]:
    """Return the members of a result."""
    return {"outcome": answer.outcome, "flags": [flag(agreement, lists) for agreement in answer.agreements]}


def flag(agreement: Agreement, lists: Sequence[PinnedList]) -> dict[str, object]:
    """Return what one list says: the members of a flag in every report."""
    pinned = lists[agreement.list_number]
    category = pinned.categories[agreement.category]
    return {
        "list": pinned.list_id,
        "release": pinned.release,
        "type": pinned.list_type,
        "scheme": None if category is None else category.scheme,
        "category": None if category is None else category.name,
        "strength": agreement.strength,
    }


def algorithms_of(pinned: PinnedList) -> frozenset[Algorithm]:
    """Return the algorithms that entries of a list have digests of."""
    return frozenset(algorithm for mask in pinned.entry_masks for algorithm in algorithms_in(mask))
