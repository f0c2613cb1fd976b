"""The last hour, in slots of fifteen seconds: what was spent in it, and when room comes again.

A slot is dropped when all of it is older than an hour. So no stretch of 3600 seconds ever holds more than the budget,
wherever it begins: at the border of two hours nothing can be spent twice. The price is that room comes up to one slot
late, 0.42 % of the hour.
"""

from __future__ import annotations

import math
from array import array
from typing import Final, NamedTuple

SLOT_SECONDS: Final = 15
PAST: Final = 3600 // SLOT_SECONDS  # slots before the current one that count
KINDS: Final = 3  # requests, digests, misses
CELLS: Final = PAST * KINDS

# Processes read the clock before they wait for each other, so the last to come may be a moment behind the first.
BEHIND: Final = 4  # slots

Counts = tuple[int, int, int]


class Hour(NamedTuple):
    """What was spent by the end of slot `slot`; the slots before it are in a ring, each at its number modulo `PAST`.

    Attributes:
        spent: in the whole window.
        current: in `slot` alone.
    """

    slot: int
    spent: Counts
    current: Counts


def slot_of(now: float) -> int:
    """Return the number of the slot that a time in seconds since the epoch lies in."""
    return int(now // SLOT_SECONDS)


def advance(hour: Hour, ring: array[int], slot: int) -> Hour:
    """Move on to `slot`, and bring the ring up to it.

    May be done again with the same `hour` and a ring that was brought up in part, as a process that dies leaves it.
    A clock that was set back makes all that was spent count as spent now: it never gives anything back early, and a
    clock that had run ahead for years does not lock anybody out for years.
    """
    if slot < hour.slot:
        if slot >= hour.slot - BEHIND:
            return hour
        ring[:] = array("Q", bytes(8 * CELLS))
        return Hour(slot, hour.spent, hour.spent)
    for number in range(max(hour.slot, slot - PAST), slot):
        cell = number % PAST * KINDS
        ring[cell : cell + KINDS] = array("Q", hour.current if number == hour.slot else (0, 0, 0))
    requests, digests, misses = (sum(ring[kind::KINDS]) for kind in range(KINDS))
    return Hour(slot, (requests, digests, misses), (0, 0, 0))


def seconds_until(hour: Hour, ring: array[int], kind: int, excess: int, now: float) -> int:
    """Return in how many whole seconds `excess` of what was spent is no longer in the window.

    `excess` is at most what was spent.
    """
    for slot in range(hour.slot - PAST, hour.slot):
        excess -= ring[slot % PAST * KINDS + kind]
        if excess <= 0:
            break
    else:
        slot = hour.slot
    return max(1, math.ceil((slot + PAST + 1) * SLOT_SECONDS - now))
