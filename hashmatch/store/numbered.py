"""Many digests at once: what the lists say of each, as a number, since of most of a list's digests it says the same.

No object is made for a digest that is asked for: keys and numbers stay octets side by side.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from hashmatch.hashlists.postings import Posting
from hashmatch.store.generation import Generation
from hashmatch.store.postings import KEY_SIZE

Statements = tuple[tuple[int, Posting], ...]  # (list number, posting), of which ordinal and size say nothing

ABSENT: Final = 0
_AT_ONCE: Final = 512  # look-ups; each may make some 128 KiB of mapped tables resident
_NUMBER: Final = array("I").itemsize


class Found(NamedTuple):
    """What was found for many digests.

    Attributes:
        numbers: one for each digest; `ABSENT` where no list has it.
        statements: of every other number, for every entry that has such a digest (list number, posting), without
            sizes. Ordinals tell the entries of one digest apart, not those of several.
    """

    numbers: array[int]
    statements: Mapping[int, Statements]


class _OfOneList(NamedTuple):
    list_number: int
    numbers: array[int]
    postings: Mapping[int, tuple[Posting, ...]]

    def said(self, number: int) -> Statements:
        return tuple((self.list_number, posting) for posting in self.postings[number])


def find(
    lists: Sequence[tuple[int, Generation]], keys: bytes, positions: bytes, count: int, looked_up: Callable[[int], None]
) -> Found:
    """Ask each list for all keys.

    Args:
        lists: with their numbers.
        keys: sealed, end to end, ascending.
        positions: u32 in the machine's byte order; for each key, of which of the `count` digests it is.
        count: of all digests; those without a key are absent.
        looked_up: is told how many look-ups were made, every so many.

    Raises:
        StoreDamaged: a record is damaged.
        StoreError: a list could not be read.
    """
    found = [_ask(list_number, generation, keys, positions, count, looked_up) for list_number, generation in lists]
    if len(found) == 1:
        (only,) = found
        return Found(only.numbers, {number: only.said(number) for number in only.postings if number != ABSENT})
    return _joined(found, count)


def _ask(
    list_number: int,
    generation: Generation,
    keys: bytes,
    positions: bytes,
    count: int,
    looked_up: Callable[[int], None],
) -> _OfOneList:
    numbers = array("I", bytes(_NUMBER * count))
    others: dict[tuple[Posting, ...], int] = {}
    for first in range(0, len(positions) // _NUMBER, _AT_ONCE):
        end = first + _AT_ONCE
        part = slice(_NUMBER * first, _NUMBER * end)
        generation.number(keys[KEY_SIZE * first : KEY_SIZE * end], positions[part], numbers, others)
        looked_up(_AT_ONCE)
    postings = {number: postings for postings, number in others.items()}
    single = set(numbers) - postings.keys() - {ABSENT}
    return _OfOneList(
        list_number, numbers, {ABSENT: (), **postings, **{number: generation.said(number) for number in single}}
    )


def _joined(found: Sequence[_OfOneList], count: int) -> Found:
    """Number what several lists say together: each combination of their numbers is one."""
    if not found:
        return Found(array("I", bytes(_NUMBER * count)), {})
    combinations = {(ABSENT,) * len(found): ABSENT}
    rows = zip(*(of_one.numbers for of_one in found), strict=True)
    numbers = array("I", [combinations.setdefault(row, len(combinations)) for row in rows])
    statements = {
        number: tuple(chain.from_iterable(of_one.said(n) for of_one, n in zip(found, row, strict=True)))
        for row, number in combinations.items()
        if number != ABSENT
    }
    return Found(numbers, statements)
