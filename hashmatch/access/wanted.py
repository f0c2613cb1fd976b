"""What a token can be asked to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hashmatch.access.roles import Permission, Role, allows
from hashmatch.errors import UsageError

MAX_NAME: Final = 100  # characters
MAX_CASE: Final = 256  # characters, as many as the audit trail takes
MAX_CASES: Final = 100

_DIGEST_LIKE: Final = re.compile(r"[0-9A-Fa-f]{32}")


def check(name: str, role: Role, cases: Sequence[str], expires: datetime | None, now: datetime) -> None:
    """Refuse what makes no token, or one that opens nothing.

    Raises:
        UsageError: a text cannot stand in the audit trail, the role works for no case, or the token would have expired.
    """
    _check_text("name", name, MAX_NAME)
    if len(cases) > MAX_CASES:
        raise UsageError(f"cases: expected at most {MAX_CASES}, got {len(cases)}")
    for case in cases:
        _check_text("case", case, MAX_CASE)
    if cases and not allows(role, Permission.SEE_SCANS):
        raise UsageError(f"cases: the role {role} sees none")
    if expires is not None and expires <= now:
        raise UsageError("expires: expected a time to come")


def in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC.

    Raises:
        UsageError: it has no zone, or lies outside the years that can be written.
    """
    if moment.tzinfo is None:
        raise UsageError("expires: expected a time with its zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise UsageError("expires: expected a time in the years 1 to 9999 of UTC") from None


def _check_text(what: str, text: str, longest: int) -> None:
    """Take what the audit trail can repeat, and nothing that looks like a digest."""
    if not 1 <= len(text) <= longest or not text.isprintable():
        raise UsageError(f"{what}: expected 1 to {longest} printable characters")
    if _DIGEST_LIKE.search(text):
        raise UsageError(f"{what}: expected no digest")
