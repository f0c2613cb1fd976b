"""What can stand in the audit trail: who did what with which list and for which case, and how it ended.

An event never holds a digest that is listed or was asked about, nor a path of evidence. Fields that people fill in are
refused where they hold something that looks like a digest; the digests that an event does hold, those of a snapshot and
of a whole result, have fields of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hashmatch.errors import UsageError

MAX_TEXT: Final = 256  # characters of one field
MAX_COUNTS: Final = 32

_MAX_COUNT: Final = 2**63 - 1
_DIGEST_LIKE: Final = re.compile(r"[0-9A-Fa-f]{32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_COUNTED: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Action(StrEnum):
    """What was done. The values are a format: add, never change."""

    TRAIL_START = "trail_start"
    RECOVERED = "recovered"
    KEY_CHANGE = "key_change"
    IMPORT = "import"
    ACTIVATION = "activation"
    RETIREMENT = "retirement"
    DISPUTE = "dispute"
    WITHDRAWAL = "withdrawal"
    AUTHORITY_CHANGE = "authority_change"
    SCAN_START = "scan_start"
    SCAN_END = "scan_end"
    RESULTS_SEEN = "results_seen"
    LOOK_UP = "look_up"
    SELF_TEST = "self_test"
    TOKEN_CHANGE = "token_change"  # noqa: S105 - a name, no secret
    REFUSAL = "refusal"
    BUDGET_SPENT = "budget_spent"
    SERVICE_START = "service_start"
    SERVICE_END = "service_end"


class EventOutcome(StrEnum):
    """How it ended, or that it is about to begin. The values are a format: add, never change."""

    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, before it has its place in a trail.

    Attributes:
        action, outcome: what was done, and how it ended.
        actor: who: a token's id, or an account of this machine.
        role: in which role: that of the token, or `local` on the command line.
        case: the case it was done for.
        subject: what it was done to: a list and its release, an exhibit, a token's id; never a file.
        counts: how many of what, in whole numbers.
        snapshot: the id of the lists that were pinned, 64 hexadecimal digits.
        result_digest: of a scan's whole result, 64 hexadecimal digits.
        run: the service's id of a scan or import, 32 hexadecimal digits.
        reason: the stable code of an error, or what a person gave as the reason.
        origin: where a request came from, as far as the service knows.
        set_aside: SHA-256 of bytes that were taken out of the trail's end and kept beside it, 64 hexadecimal digits.

    Raises:
        UsageError: a text is empty, too long, not printable, or holds what looks like a digest; a count is none; an id
            does not have its form.
    """

    action: Action
    outcome: EventOutcome
    actor: str
    role: str
    case: str | None = None
    subject: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    snapshot: str | None = None
    result_digest: str | None = None
    run: str | None = None
    reason: str | None = None
    origin: str | None = None
    set_aside: str | None = None

    def __post_init__(self) -> None:
        for name in ("actor", "role", "case", "subject", "reason", "origin"):
            check_text(name, getattr(self, name))
        _check_form("snapshot", self.snapshot, _SHA256)
        _check_form("result_digest", self.result_digest, _SHA256)
        _check_form("set_aside", self.set_aside, _SHA256)
        _check_form("run", self.run, _RUN)
        check_counts(self.counts)


def check_text(name: str, text: str | None) -> None:
    """Make sure that a text can stand in the trail.

    Raises:
        UsageError: it cannot; the message says why without repeating it.
    """
    if text is None:
        return
    if not 1 <= len(text) <= MAX_TEXT:
        raise UsageError(f"{name}: expected 1 to {MAX_TEXT} characters, got {len(text)}")
    # A space is printable, a control character or half of a surrogate pair is not.
    if not text.isprintable():
        raise UsageError(f"{name}: expected printable characters")
    if _DIGEST_LIKE.search(text):
        raise UsageError(f"{name}: expected no digest; the audit trail does not take one")


def check_counts(counts: Mapping[str, int]) -> None:
    """Make sure that counts can stand in the trail.

    Raises:
        UsageError: too many, a name that is none, or a number that is not whole and between 0 and 2**63 - 1.
    """
    if len(counts) > MAX_COUNTS:
        raise UsageError(f"counts: expected at most {MAX_COUNTS}, got {len(counts)}")
    for name, count in counts.items():
        if not _COUNTED.fullmatch(name):
            raise UsageError("counts: expected names of 1 to 40 small letters, digits and '_', a letter first")
        if type(count) is not int or not 0 <= count <= _MAX_COUNT:
            raise UsageError(f"counts: expected a whole number from 0 to 2**63 - 1 for {name}")


def _check_form(name: str, value: str | None, form: re.Pattern[str]) -> None:
    if value is not None and not form.fullmatch(value):
        raise UsageError(f"{name}: expected {form.pattern}")
