"""Every error that hashmatch raises on purpose.

    HashmatchError
    ├── UsageError                  the call cannot mean anything sensible
    │   └── NoSuchRelease           that release of that list is not in the store
    ├── QueryError                  a digest asked about is no digest
    ├── ListError                   a hash list cannot be taken in or used
    │   ├── ListFormatError         a line or record is not what its format says
    │   ├── ListAmbiguous           two readings of the file are possible
    │   ├── ListContradiction       the file says another type than the person
    │   ├── ListNotAuthorised       nobody entitled to it vouches for the list
    │   ├── ListExpired             what was signed has come to its end
    │   ├── ListRollback            older than what was accepted before
    │   ├── DuplicateRelease        this release of this list is already there
    │   └── NoActiveList            nothing to compare with
    ├── StoreError                  the store cannot do its work
    │   ├── StoreLocked             another process is changing the store
    │   ├── StoreDamaged            what is on disk is not what was sealed
    │   ├── StoreUnwritable         no space, no permission
    │   └── SealingKeyError         the sealing key is absent, open to others, or another one
    ├── RunError                    work that the service was asked for
    │   ├── RunNotFound             there is no such run
    │   ├── RunNotPossible          what is asked does not go with the state the run is in
    │   └── RunDamaged              its files are not what was written
    ├── AuditError                  the audit trail
    │   ├── AuditUnwritable         an event cannot be made durable, so nothing may be answered
    │   └── AuditDamaged            it is not what was written
    ├── SigningKeyError             a signing key is absent, open to others, or not to be opened
    ├── AccessError                 who may ask the service what
    │   ├── NotAuthenticated        no token, or one that opens nothing
    │   ├── NotAllowed              a token that does not open this
    │   ├── BudgetSpent             the token has asked as much as it may for now
    │   ├── NoSuchToken             there is no token of that id
    │   └── AccessDamaged           the files of tokens or budgets are not what was written, or open to others
    ├── SourceUnusable              the evidence source is absent, a file, or writable
    │   └── SourceOutside           it does not lie beneath an evidence root of the service
    ├── OutputUnusable              the report cannot be written where it was asked for
    └── ResumeRefused               a scan cannot be gone on with; nothing was changed

A message says where, what was expected and what was found, and never holds a digest. No class
prints or exits: `hashmatch.cli` alone maps them to exit codes.
"""

from __future__ import annotations

from typing import ClassVar


class HashmatchError(Exception):
    """Root of the tree; `code` is stable and meant for machines."""

    code: ClassVar[str] = "error"


class UsageError(HashmatchError):
    code = "usage"


class NoSuchRelease(UsageError):
    code = "list.no_such_release"


class QueryError(HashmatchError):
    code = "query.not_a_digest"


class ListError(HashmatchError):
    code = "list"


class ListFormatError(ListError):
    """`place` is the 1-based line or record of the list, where one is known."""

    code = "list.format"

    def __init__(self, message: str, *, place: int | None = None, unit: str = "line") -> None:
        super().__init__(message if place is None else f"{unit} {place}: {message}")
        self.place = place
        self.reason = message
        self.unit = unit

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the place when the error crosses from a worker process to its parent."""
        return _rebuild_format_error, (self.reason, self.place, self.unit)


def _rebuild_format_error(message: str, place: int | None, unit: str) -> ListFormatError:
    return ListFormatError(message, place=place, unit=unit)


class ListAmbiguous(ListError):
    code = "list.ambiguous"


class ListContradiction(ListError):
    code = "list.contradiction"


class ListNotAuthorised(ListError):
    code = "list.not_authorised"


class ListExpired(ListError):
    code = "list.expired"


class ListRollback(ListError):
    code = "list.rollback"


class DuplicateRelease(ListError):
    code = "list.duplicate_release"


class NoActiveList(ListError):
    code = "list.none_active"


class StoreError(HashmatchError):
    code = "store"


class StoreLocked(StoreError):
    code = "store.locked"


class StoreDamaged(StoreError):
    code = "store.damaged"


class StoreUnwritable(StoreError):
    code = "store.unwritable"


class SealingKeyError(StoreError):
    code = "store.sealing_key"


class RunError(HashmatchError):
    code = "run"


class RunNotFound(RunError):
    code = "run.not_found"


class RunNotPossible(RunError):
    code = "run.not_possible"


class RunDamaged(RunError):
    code = "run.damaged"


class AuditError(HashmatchError):
    code = "audit"


class AuditUnwritable(AuditError):
    code = "audit.unwritable"


class AuditDamaged(AuditError):
    code = "audit.damaged"


class SigningKeyError(HashmatchError):
    code = "signing_key"


class AccessError(HashmatchError):
    code = "access"


class NotAuthenticated(AccessError):
    code = "access.not_authenticated"


class NotAllowed(AccessError):
    code = "access.not_allowed"


class BudgetSpent(AccessError):
    """`budget` says which; `retry_after` in how many seconds the same will be possible, None where it never will."""

    code = "access.budget_spent"

    def __init__(self, message: str, *, budget: str, retry_after: int | None) -> None:
        super().__init__(message)
        self.budget = budget
        self.retry_after = retry_after


class NoSuchToken(AccessError):
    code = "access.no_such_token"


class AccessDamaged(AccessError):
    code = "access.damaged"


class SourceUnusable(HashmatchError):
    code = "source.unusable"


class SourceOutside(SourceUnusable):
    code = "source.outside"


class OutputUnusable(HashmatchError):
    code = "output.unusable"


class ResumeRefused(HashmatchError):
    code = "scan.not_resumable"
