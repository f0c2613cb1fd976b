"""Budgets: exact in any hour, and honest about when there is room again."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.access.budgets import BUDGETS, NO_LIMITS, Budget, Budgets
from hashmatch.access.window import CELLS, SLOT_SECONDS, Hour, advance, slot_of
from hashmatch.errors import BudgetSpent
from tests.access.spending import NOW, TOKEN, refused, room


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service" / BUDGETS


def test_a_budget_is_exact(path: Path) -> None:
    """As many as it says, and not one more; what is refused is not spent."""
    budgets = Budgets(path)
    budget = Budget(digests=1000)
    budgets.spend(TOKEN, budget, digests=999, now=NOW)
    for _ in range(5):
        assert refused(budgets, budget, NOW, digests=2).budget == "digests"
    budgets.spend(TOKEN, budget, digests=1, now=NOW)
    refused(budgets, budget, NOW, digests=1)


def test_each_kind_has_its_own(path: Path) -> None:
    """What is spent of one is not spent of another, and what one refuses is spent of none."""
    budgets = Budgets(path)
    budget = Budget(requests=3, digests=10, misses=5)
    budgets.spend(TOKEN, budget, requests=1, digests=4, misses=4, now=NOW)
    assert refused(budgets, budget, NOW, requests=1, digests=4, misses=2).budget == "misses"
    budgets.spend(TOKEN, budget, requests=2, digests=6, misses=1, now=NOW)
    for kind in ("requests", "digests", "misses"):
        assert refused(budgets, budget, NOW, **{kind: 1}).budget == kind


def test_each_token_has_its_own(path: Path) -> None:
    """However many there are."""
    budgets = Budgets(path)
    tokens = [f"{n:012x}" for n in range(50)]
    assert [room(budgets, Budget(misses=n + 1), NOW, token) for n, token in enumerate(tokens)] == list(range(1, 51))
    again = Budgets(path)
    assert [room(again, Budget(misses=n + 1), NOW, token) for n, token in enumerate(tokens)] == [0] * 50


def test_no_limit_keeps_no_count(path: Path) -> None:
    """A token without a budget, or what its budget does not limit, touches no file."""
    budgets = Budgets(path)
    budgets.spend(TOKEN, NO_LIMITS, requests=1, digests=10**9, misses=10**9, now=NOW)
    budgets.spend(TOKEN, Budget(requests=1), digests=10**9, now=NOW)
    budgets.give_back(TOKEN, NO_LIMITS, misses=5, booked=slot_of(NOW))
    assert not path.parent.exists()


def test_the_border_of_two_hours_gives_nothing_twice(path: Path) -> None:
    """A budget that was spent in the last second of one hour is not there in the first of the next."""
    budgets = Budgets(path)
    budget = Budget(misses=100)
    border = 3600.0 * (NOW // 3600 + 1)
    assert room(budgets, budget, border - 0.001) == 100
    for later in (0.0, 1.0, 60.0, 1800.0, 3599.99):
        assert room(budgets, budget, border + later) == 0
    assert room(budgets, budget, border + 3600.0) == 100


def test_the_budget_of_an_hour_is_reached(path: Path) -> None:
    """Whoever asks steadily for ten hours gets all but one percent of it, and never more."""
    budgets = Budgets(path)
    budget = Budget(misses=1200)
    granted = []
    for second in range(0, 36_000, 2):
        try:
            budgets.spend(TOKEN, budget, misses=1, now=NOW + second)
        except BudgetSpent:
            continue
        granted.append(second)
    per_hour = [sum(hour * 3600 <= second < (hour + 1) * 3600 for second in granted) for hour in range(10)]
    assert all(1188 <= count <= 1200 for count in per_hour)


def test_what_can_never_fit_is_told_apart(path: Path) -> None:
    """Waiting does not help who asks for more at once than the whole budget."""
    budgets = Budgets(path)
    error = refused(budgets, Budget(digests=10), NOW, digests=11)
    assert error.retry_after is None
    assert "less at once" in str(error)
    budgets.spend(TOKEN, Budget(digests=10), digests=10, now=NOW)


spent = st.lists(st.tuples(st.floats(0, 1200) | st.floats(0, 4000), st.integers(1, 60)), max_size=40)


@given(spent, st.integers(1, 100))
def test_any_hour_holds_at_most_the_budget(steps: Sequence[tuple[float, int]], limit: int) -> None:
    """Against a log of what was granted: never more within 3600 s, and all that was free for a slot longer."""
    hour, ring, log, now = Hour(slot_of(NOW), (0, 0, 0), (0, 0, 0)), array("Q", bytes(8 * CELLS)), [], NOW
    for wait, amount in steps:
        now += wait
        hour = advance(hour, ring, slot_of(now)) if slot_of(now) != hour.slot else hour
        if hour.spent[2] + amount <= limit:
            log.append((now, amount))
            hour = Hour(hour.slot, (0, 0, hour.spent[2] + amount), (0, 0, hour.current[2] + amount))
            assert sum(n for at, n in log if at > now - 3600) <= limit
        else:
            assert sum(n for at, n in log if at > now - 3600 - SLOT_SECONDS) + amount > limit


@given(spent)
def test_retry_after_is_the_first_second_with_room(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[float, int]]
) -> None:
    """At that second what was refused is granted, a second earlier it is not."""
    budgets = Budgets(tmp_path_factory.mktemp("budgets") / BUDGETS)
    budget, now = Budget(misses=60), NOW
    for pause, count in steps:
        now += pause
        try:
            budgets.spend(TOKEN, budget, misses=count, now=now)
        except BudgetSpent:
            seconds = refused(budgets, budget, now, misses=count).retry_after
            assert seconds is not None
            assert 1 <= seconds <= 3600 + SLOT_SECONDS
            if seconds > 1:
                assert refused(budgets, budget, now + seconds - 1, misses=count).retry_after == 1
            now += seconds
            budgets.spend(TOKEN, budget, misses=count, now=now)


def test_what_was_no_miss_is_given_back(path: Path) -> None:
    """To the slot it was booked in, also when that is over, and not when the hour is."""
    budgets = Budgets(path)
    budget = Budget(misses=10)
    booked = budgets.spend(TOKEN, budget, misses=10, now=NOW)
    budgets.give_back(TOKEN, budget, misses=4, booked=booked)
    later = NOW + 10 * SLOT_SECONDS
    assert room(budgets, budget, later) == 4
    budgets.give_back(TOKEN, budget, misses=3, booked=booked)
    assert room(budgets, budget, later) == 3
    # 3 are left of what was booked first, 7 of what was booked later.
    end = (booked + 3600 // SLOT_SECONDS + 1) * SLOT_SECONDS
    assert refused(budgets, budget, end - 1, misses=1).retry_after == 1
    assert room(budgets, budget, end) == 3
    budgets.give_back(TOKEN, budget, misses=10, booked=booked)
    assert room(budgets, budget, end) == 0


def test_no_more_is_given_back_than_was_booked(path: Path) -> None:
    """Whatever is said to have been booked."""
    budgets = Budgets(path)
    budget = Budget(misses=10)
    booked = budgets.spend(TOKEN, budget, misses=2, now=NOW)
    for slot in (booked, booked - 1, booked + 1, booked - 1000):
        budgets.give_back(TOKEN, budget, misses=50, booked=slot)
    assert room(budgets, budget, NOW) == 10


def test_it_survives_a_restart(path: Path) -> None:
    """What was spent before is spent afterwards, and comes back when it would have."""
    budget = Budget(misses=100)
    for part in range(4):
        Budgets(path).spend(TOKEN, budget, misses=25, now=NOW + 600 * part)
    assert room(Budgets(path), budget, NOW + 2000) == 0
    assert room(Budgets(path), budget, NOW + 3600 + SLOT_SECONDS) == 25


def test_a_clock_set_back_gives_nothing_early_and_nothing_up(path: Path) -> None:
    """What was spent under a clock that ran ahead counts for an hour from then on."""
    budgets = Budgets(path)
    budget = Budget(misses=100)
    ahead = NOW + 10 * 365 * 86400
    assert room(budgets, budget, ahead) == 100
    assert room(budgets, budget, NOW) == 0
    assert room(budgets, budget, NOW + 3599) == 0
    assert room(budgets, budget, NOW + 3600 + SLOT_SECONDS) == 100


def test_a_process_a_moment_behind_counts_as_now(path: Path) -> None:
    """Who read the clock before another booked, and came later, changes nothing of the window."""
    budgets = Budgets(path)
    budget = Budget(misses=10)
    booked = budgets.spend(TOKEN, budget, misses=4, now=NOW)
    assert budgets.spend(TOKEN, budget, misses=4, now=NOW - SLOT_SECONDS) == booked
    assert room(budgets, budget, NOW - 2 * SLOT_SECONDS) == 2
