"""How much one token may ask in an hour."""

from __future__ import annotations

from typing import Final

import msgspec

from hashmatch.errors import UsageError

MOST: Final = 10**12  # of anything in an hour


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
    for name in ("requests", "digests", "misses"):
        limit = getattr(budget, name)
        if limit is not None and not 1 <= limit <= MOST:
            raise UsageError(f"{name} an hour: expected a number from 1 to {MOST}")
