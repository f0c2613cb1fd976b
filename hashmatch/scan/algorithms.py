"""Which digests a scan computes."""

from __future__ import annotations

from collections.abc import Sequence

from hashmatch.digests import Algorithm, algorithms_in, mask_of
from hashmatch.errors import UsageError
from hashmatch.reports.findings import PinnedList


def choose(
    asked: Sequence[Algorithm] | None, usable: Sequence[Algorithm], lists: Sequence[PinnedList]
) -> tuple[Algorithm, ...]:
    """Return the algorithms in their own order: what was asked for, else all that some list can use.

    Raises:
        UsageError: with those, some entries could never be found, and their absence from the report would look
            like an answer.
    """
    chosen = tuple(sorted(set(usable if asked is None else asked)))
    mask = mask_of(chosen)
    for pinned in lists:
        for entry_mask in sorted(pinned.entry_masks):
            if not entry_mask & mask:
                raise UsageError(
                    f"digests: list {pinned.list_id} release {pinned.release} has entries with {_labels(entry_mask)} "
                    f"only, which {_labels(mask) or 'nothing'} cannot find"
                )
    return chosen


def _labels(mask: int) -> str:
    return ", ".join(algorithm.label for algorithm in algorithms_in(mask))
