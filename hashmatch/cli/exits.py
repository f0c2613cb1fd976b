"""Exit codes: one table from errors to numbers. The numbers are a contract; add, never change."""

from __future__ import annotations

from typing import Final

from hashmatch import errors

COMPLETE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
AUDIT_DAMAGED: Final = 15
INTERRUPTED: Final = 130

_CODES: Final[dict[type[errors.HashmatchError], int]] = {
    errors.UsageError: USAGE,
    errors.NoActiveList: 10,
    errors.StoreLocked: 11,
    errors.StoreDamaged: 12,
    errors.StoreError: 12,
    errors.SourceUnusable: 13,
    errors.AuditUnwritable: 14,
    errors.AuditDamaged: AUDIT_DAMAGED,
    errors.SealingKeyError: 16,
    errors.SigningKeyError: 16,
    errors.StoreUnwritable: 17,
    errors.OutputUnusable: 18,
    errors.ResumeRefused: 19,
    errors.AccessDamaged: 19,
    errors.NoSuchToken: USAGE,
    errors.ListFormatError: 20,
    errors.ListAmbiguous: 20,
    errors.ListNotAuthorised: 21,
    errors.ListExpired: 22,
    errors.ListRollback: 23,
    errors.DuplicateRelease: 24,
    errors.ListContradiction: 25,
    errors.QueryError: 26,
}


def exit_code(error: errors.HashmatchError) -> int:
    """Return the exit code of an error: its own class's, or that of the nearest class above."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return FAILED
