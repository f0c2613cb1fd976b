"""The match rule: how far a file agrees with the entries of a hash list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from hashmatch.digests import Algorithm
from hashmatch.hashlists.postings import Posting
from hashmatch.outcomes import Strength


class KnownHashes(Protocol):
    """Something that knows listed digests: all the match rule asks of a store."""

    def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:
        """Return (list number, posting) for every entry of every pinned list that has this digest.

        Raises:
            StoreDamaged: the store cannot answer; never an empty answer in its place.
        """
        ...


class Agreement(NamedTuple):
    """What one list says of a file under one of its categories, and how far to believe it."""

    list_number: int
    category: int
    strength: Strength


_STRONG: Final = Algorithm.SHA256.bit
_STRONG_TOGETHER: Final = Algorithm.MD5.bit | Algorithm.SHA1.bit
_RANK: Final = {Strength.STRONG: 0, Strength.WEAK_ONLY: 1, Strength.CONFLICT: 2}


def decide(digests: Mapping[Algorithm, bytes], size: int | None, known: KnownHashes) -> tuple[Agreement, ...]:
    """Return how a file agrees with the known hashes, in a fixed order; nothing if no entry has any of its digests.

    Of several entries under one category of a list the strongest agreement stands for all. A conflict is kept beside
    it: it hints at a collision made on purpose or a damaged list, which a match elsewhere does not explain away.

    Raises:
        StoreDamaged: the known hashes cannot answer for this file.
    """
    postings: list[tuple[int, int, Posting]] = []
    computed = 0
    for algorithm, octets in digests.items():
        bit = algorithm.bit
        computed |= bit
        for list_number, posting in known.find(algorithm, octets):
            postings.append((bit, list_number, posting))
    if not postings:
        return ()
    if len(postings) == 1:  # as for most files that are listed: nothing to weigh against anything
        ((bit, list_number, posting),) = postings
        return (Agreement(list_number, posting.category, _strength(posting, bit, computed, size)),)
    return _fold(postings, computed, size)


def _fold(postings: list[tuple[int, int, Posting]], computed: int, size: int | None) -> tuple[Agreement, ...]:
    found: dict[tuple[int, int], int] = {}
    for bit, list_number, posting in postings:
        entry = (list_number, posting.ordinal)
        found[entry] = found.get(entry, 0) | bit
    kept: dict[tuple[int, int, bool], Agreement] = {}
    for _, list_number, posting in postings:
        strength = _strength(posting, found[list_number, posting.ordinal], computed, size)
        agreement = Agreement(list_number, posting.category, strength)
        slot = (list_number, posting.category, strength is Strength.CONFLICT)
        if slot not in kept or _RANK[strength] < _RANK[kept[slot].strength]:
            kept[slot] = agreement
    return tuple(sorted(kept.values(), key=lambda a: (a.list_number, a.category, _RANK[a.strength])))


def _strength(posting: Posting, agreeing: int, computed: int, size: int | None) -> Strength:
    """Judge one entry: `agreeing` are the algorithms it was found through, `computed` those the file has."""
    differing = posting.algorithms & computed & ~agreeing
    if differing or (posting.size is not None and size is not None and posting.size != size):
        return Strength.CONFLICT
    if agreeing & _STRONG or agreeing & _STRONG_TOGETHER == _STRONG_TOGETHER:
        return Strength.STRONG
    return Strength.WEAK_ONLY
