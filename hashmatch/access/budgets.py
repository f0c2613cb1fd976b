"""How much one token may ask in an hour, counted by all processes of the service together.

What is asked is booked before it is done, and before it is known whether it will be a miss. Were misses booked after
the look-up, being refused would itself be an answer: with a budget of misses that is spent, a digest that is refused is
on no list, and one that is answered is on one. So as many misses are booked as there are digests, and `give_back` takes
back what were none.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import msgspec

from hashmatch.access.budget_file import BudgetFile, Place
from hashmatch.access.window import KINDS, PAST, Counts, Hour, advance, seconds_until, slot_of
from hashmatch.errors import BudgetSpent, StoreUnwritable, UsageError

BUDGETS: Final = "budgets.bin"
MOST: Final = 10**12  # of anything in an hour
_NAMES: Final = ("requests", "digests", "misses")
_MISSES: Final = 2
_NOTHING: Final = (0, 0, 0)


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token may spend in any hour; None for as much as it likes.

    Attributes:
        requests: requests of any kind.
        digests: digests asked about.
        misses: answers that a digest is on no list. Whoever tries digests out gets little else.
    """

    requests: int | None = None
    digests: int | None = None
    misses: int | None = None


NO_LIMITS: Final = Budget()


def check_budget(budget: Budget) -> None:
    """Refuse a budget with which nothing could be done.

    Raises:
        UsageError: a limit is not between 1 and a million millions.
    """
    for name in _NAMES:
        limit = getattr(budget, name)
        if limit is not None and not 1 <= limit <= MOST:
            raise UsageError(f"{name} an hour: expected a number from 1 to {MOST}")


class Budgets:
    """What was spent, in a file that outlives the service. May be used by several threads and processes at once.

    The file is opened with the first budget that is to be kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BudgetFile | None = None
        self._mutex = threading.Lock()

    def spend(
        self, token_id: str, budget: Budget, *, requests: int = 0, digests: int = 0, misses: int = 0, now: float
    ) -> int:
        """Book what is about to be done at `now`, in seconds since the epoch: all of it or nothing.

        Returns:
            the slot that it was booked in, which `give_back` wants to know.

        Raises:
            BudgetSpent: it would be more than the budget in the hour before `now`.
            AccessDamaged: the file is not what was written, or open to others.
            StoreUnwritable: it cannot be booked.
        """
        asked = (
            requests if budget.requests is not None else 0,
            digests if budget.digests is not None else 0,
            misses if budget.misses is not None else 0,
        )
        slot = slot_of(now)
        if asked != _NOTHING:
            with self._mutex:
                try:
                    file = self._file or self._open()
                    place, hour = file.lock(token_id, slot)
                    try:
                        if hour.slot != slot:
                            hour = _brought_up(file, place, token_id, hour, slot)
                        _check(file, place, hour, budget, asked, now)
                        file.write(place, token_id, _with(hour, asked))
                        slot = hour.slot
                    finally:
                        file.unlock(place)
                except OSError as error:
                    raise self._unwritable(error) from error
        return slot

    def give_back(self, token_id: str, budget: Budget, *, misses: int, booked: int) -> None:
        """Take back misses that were booked in slot `booked` and were none.

        Raises:
            AccessDamaged: the file is not what was written, or open to others.
            StoreUnwritable: it cannot be booked.
        """
        if budget.misses is None or not misses:
            return
        with self._mutex:
            try:
                file = self._file or self._open()
                place, hour = file.lock(token_id, booked)
                try:
                    if booked >= hour.slot:
                        file.write(place, token_id, _with(hour, (0, 0, -min(misses, hour.current[_MISSES]))))
                    elif hour.slot - booked <= PAST:
                        _give_back_late(file, place, token_id, hour, misses, booked)
                finally:
                    file.unlock(place)
            except OSError as error:
                raise self._unwritable(error) from error

    def _open(self) -> BudgetFile:
        self._file = BudgetFile(self._path)
        return self._file

    def _unwritable(self, error: OSError) -> StoreUnwritable:
        return StoreUnwritable(f"{self._path}: cannot be written: {error.strerror or error}")


def _brought_up(file: BudgetFile, place: Place, token_id: str, hour: Hour, slot: int) -> Hour:
    ring = file.ring(place)
    advanced = advance(hour, ring, slot)
    if advanced is not hour:
        file.write_ring(place, ring)
        file.write(place, token_id, advanced)
    return advanced


def _check(file: BudgetFile, place: Place, hour: Hour, budget: Budget, asked: Counts, now: float) -> None:
    limits = (budget.requests, budget.digests, budget.misses)
    for kind in range(KINDS):
        limit = limits[kind]
        if asked[kind] and limit is not None and hour.spent[kind] + asked[kind] > limit:
            name = _NAMES[kind]
            if asked[kind] > limit:
                raise BudgetSpent(
                    f"{asked[kind]} {name} at once, of a budget of {limit} an hour: ask for less at once",
                    budget=name,
                    retry_after=None,
                )
            excess = hour.spent[kind] + asked[kind] - limit
            raise BudgetSpent(
                f"the budget of {limit} {name} an hour has no room for {asked[kind]} more",
                budget=name,
                retry_after=seconds_until(hour, file.ring(place), kind, excess, now),
            )


def _with(hour: Hour, more: Counts) -> Hour:
    (a, b, c), (d, e, f), (x, y, z) = hour.spent, hour.current, more
    return Hour(hour.slot, (a + x, b + y, c + z), (d + x, e + y, f + z))


def _give_back_late(file: BudgetFile, place: Place, token_id: str, hour: Hour, misses: int, booked: int) -> None:
    """Take back what was booked before the current slot began."""
    ring = file.ring(place)
    cell = booked % PAST * KINDS + _MISSES
    taken = min(misses, ring[cell])
    ring[cell] -= taken
    file.write_ring(place, ring)
    requests, digests, spent = hour.spent
    file.write(place, token_id, Hour(hour.slot, (requests, digests, spent - taken), hour.current))
