"""What the tests of budgets share."""

from __future__ import annotations

import pytest

from hashmatch.access.budgets import Budget, Budgets
from hashmatch.errors import BudgetSpent

NOW = 1_777_636_807.5
TOKEN = "0123456789ab"


def room(budgets: Budgets, budget: Budget, now: float, token: str = TOKEN) -> int:
    """Spend misses one by one until there is no room; return how many there were."""
    for count in range(10_000):
        try:
            budgets.spend(token, budget, misses=1, now=now)
        except BudgetSpent:
            return count
    raise AssertionError("no end")


def refused(budgets: Budgets, budget: Budget, now: float, **asked: int) -> BudgetSpent:
    with pytest.raises(BudgetSpent) as caught:
        budgets.spend(TOKEN, budget, now=now, **asked)
    return caught.value
