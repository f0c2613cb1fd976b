"""The file of tokens: what is kept of each, and how it is read back strictly.

The file has one form only, and a check value over the tokens: a byte that was flipped, or an edit by hand, is an error
and not another token.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.errors import AccessDamaged

_FORMAT: Final = 1


class TokenState(StrEnum):
    """Whether a token opens anything. The values are shown: add, never change."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has a secret, and what they may do with it. Times are UTC.

    Attributes:
        id: stands in the secret, in the audit trail and in commands; tells nothing of the secret's rest.
        name: whose it is, for people.
        cases: what it is confined to; empty where it is not confined to cases.
        expires: from this moment on it opens nothing; None for no end.
        revoked: when it was revoked.
    """

    id: str
    name: str
    role: Role
    cases: tuple[str, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    budget: Budget

    def state(self, now: datetime) -> TokenState:
        """Return whether it opens anything."""
        if self.revoked is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if self.expires is not None and now >= self.expires else TokenState.ACTIVE

    def may_see(self, owner: str, case: str | None) -> bool:
        """Return whether it may see a scan that token `owner` started for `case`.

        A token for certain cases sees those, whoever started their scans. Of the others an auditor's sees every scan,
        an examiner's those that it started itself.
        """
        if self.role not in (Role.AUDITOR, Role.EXAMINER):
            return False
        if self.cases:
            return case in self.cases
        return self.role is Role.AUDITOR or owner == self.id


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token as it is kept; `secret_sha256` in hexadecimal digits.

    One round of SHA-256 is enough: a secret of 256 random bits cannot be guessed, however fast a guess is tried.
    """

    token: Token
    secret_sha256: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    tokens: tuple[Stored, ...]
    check: str


def encoded(tokens: tuple[Stored, ...]) -> bytes:
    """Return what the file holds for these tokens."""
    check = hashlib.sha256(msgspec.json.encode(tokens)).hexdigest()
    return msgspec.json.format(msgspec.json.encode(_File(_FORMAT, tokens, check))) + b"\n"


def decoded(content: bytes, where: str) -> tuple[Stored, ...]:
    """Return the tokens that a file holds.

    Raises:
        AccessDamaged: it is not what `encoded` returned.
    """
    try:
        read = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AccessDamaged(f"{where}: not a file of tokens") from None
    if read.format != _FORMAT:
        raise AccessDamaged(f"{where}: expected format {_FORMAT}, got {read.format}")
    if encoded(read.tokens) != content:
        raise AccessDamaged(f"{where}: not what was written; restore it, or remove it to begin without tokens")
    return read.tokens
