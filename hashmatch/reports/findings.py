"""What reports are made from: what became of each entry of the evidence, and the lists it was compared with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from hashmatch.hashlists.entries import Category, ListType
from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength

Reason = ExclusionReason | FailureReason


class Finding(NamedTuple):
    """What became of one entry of the evidence.

    Attributes:
        path: relative to the source, `.` for the source itself; an alternate stream as `file:stream`.
        is_stream: tells `file:stream` from a file whose own name holds a colon.
        reason: why it was excluded or not examined; None for the other outcomes.
        errno, offset: with a failure, the system's error number and the byte where reading ended, where known.
        size: bytes; 0 where it could not be learnt.
        inode: 0 where it could not be learnt, and for a `no_match`, which no report lists.
        agreements: with which lists it agrees, in the order of the match rule; for a match only.
    """

    path: bytes
    is_stream: bool
    outcome: Outcome
    reason: Reason | None
    errno: int | None
    offset: int | None
    size: int
    inode: int
    agreements: tuple[Agreement, ...] = ()


class NoMatches(NamedTuple):
    """Findings that follow one another, all of them `no_match`: their lines of the result digest say everything."""

    lines: list[bytes]


class PinnedList(Protocol):
    """One list of a pinned snapshot, as far as reports speak of it.

    Attributes:
        signature: state of its signature, `unsigned` where there is none.
        content_root: over every sealed record of the list.
        entries: as many as were taken in from the list's file.
        imported: when, UTC.
        categories: by the index that postings give; at 0 None, for entries without a category.
        entry_masks: the sets of algorithms that entries have digests for, as bit masks.
    """

    @property
    def list_id(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def list_type(self) -> ListType: ...
    @property
    def authority(self) -> str: ...
    @property
    def signature(self) -> str: ...
    @property
    def generation(self) -> str: ...
    @property
    def content_root(self) -> str: ...
    @property
    def entries(self) -> int: ...
    @property
    def imported(self) -> str: ...
    @property
    def categories(self) -> Sequence[Category | None]: ...
    @property
    def entry_masks(self) -> Collection[int]: ...


class Flag(NamedTuple):
    """An agreement in words: the only thing that is ever told about a listed file."""

    list: str
    release: str
    type: ListType
    scheme: str | None
    category: str | None
    strength: Strength


# Most files that are listed have one of a few sets of flags. What is made from a set is remembered for so many.
REMEMBERED: Final = 2048


class FlagNames:
    """Turns agreements into flags."""

    def __init__(self, lists: Sequence[PinnedList]) -> None:
        self._lists = lists
        self.flags = lru_cache(REMEMBERED)(self._flags)

    def _flags(self, agreements: tuple[Agreement, ...]) -> tuple[Flag, ...]:
        """Return the flags in the order of the agreements."""
        return tuple(map(self._flag, agreements))

    def _flag(self, agreement: Agreement) -> Flag:
        pinned = self._lists[agreement.list_number]
        category = pinned.categories[agreement.category] if agreement.category else None
        return Flag(
            pinned.list_id,
            pinned.release,
            pinned.list_type,
            category.scheme if category else None,
            category.name if category else None,
            agreement.strength,
        )
