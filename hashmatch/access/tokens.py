"""Bearer tokens: made, found again by their secret, revoked. The secret is shown once and kept only as its SHA-256.

Every process of the service has a `TokenStore` of the same file. Each use of a token looks whether the file was
replaced, so that a revocation holds from the next request on, in all processes, without a restart.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from pathlib import Path
from typing import Final

import msgspec

from hashmatch.access.budgets import NO_LIMITS, Budget, check_budget
from hashmatch.access.files import changing, open_private, put
from hashmatch.access.roles import Role
from hashmatch.access.token_file import Stored, Token, TokenState, decoded, encoded
from hashmatch.access.wanted import check, in_utc
from hashmatch.errors import AccessDamaged, NoSuchToken, NotAuthenticated

__all__ = ["FIRST_TOKEN", "SERVICE", "TOKENS", "Token", "TokenStore", "first_token"]

SERVICE: Final = "service"  # beneath a store: what the service itself keeps
TOKENS: Final = "tokens.json"
FIRST_TOKEN: Final = "first-token"  # noqa: S105 - a file's name

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 6
_SECRET: Final = re.compile(r"hm_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODY: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class _Known:
    token: Token
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and from which file.

    The descriptor stays open: while it does, no other file can get this one's inode number, and so not its identity.
    """

    identity: tuple[int, int, int, int] | None
    descriptor: int | None
    stored: tuple[Stored, ...]
    known: Mapping[str, _Known]

    def __del__(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


_NOTHING: Final = _Read(None, None, (), {})


class TokenStore:
    """The tokens of one store. May be used by several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = os.fspath(path)
        self._read = _NOTHING

    def create(
        self,
        name: str,
        role: Role,
        *,
        cases: Sequence[str] = (),
        expires: datetime | None = None,
        budget: Budget = NO_LIMITS,
        now: datetime,
    ) -> tuple[Token, str]:
        """Make a token; return it and its secret, which nobody can be told again.

        Raises:
            UsageError: a text cannot stand in the audit trail, the role works for no case, the token would have expired
                already, or a budget allows nothing.
            AccessDamaged: the file is not what was written, or open to others.
            StoreUnwritable: no space, no permission.
        """
        expires = None if expires is None else in_utc(expires)
        check(name, role, cases, expires, now)
        check_budget(budget)
        with changing(self._path):
            stored = self._current().stored
            token, secret = _made(name, role, tuple(cases), expires, budget, now, {each.token.id for each in stored})
            self._write((*stored, Stored(token, hashlib.sha256(secret.encode()).hexdigest())))
        return token, secret

    def all(self) -> tuple[Token, ...]:
        """Return every token that was ever made, revoked and expired ones included, in that order.

        Raises:
            AccessDamaged: the file is not what was written, or open to others.
        """
        return tuple(each.token for each in self._current().stored)

    def get(self, token_id: str) -> Token:
        """Return the token of an id, which may open nothing any more.

        Raises:
            NoSuchToken: there is none of that id.
            AccessDamaged: the file is not what was written, or open to others.
        """
        known = self._current().known.get(token_id)
        if known is None:
            raise NoSuchToken("there is no token of that id")
        return known.token

    def revoke(self, token_id: str, now: datetime) -> Token:
        """Let a token open nothing from now on; one that is revoked stays as it is.

        Raises:
            NoSuchToken: there is none of that id.
            AccessDamaged: the file is not what was written, or open to others.
            StoreUnwritable: no space, no permission.
        """
        with changing(self._path):
            found = self.get(token_id)
            if found.revoked is not None:
                return found
            revoked = msgspec.structs.replace(found, revoked=now)
            stored = self._current().stored
            self._write(tuple(Stored(revoked, e.secret_sha256) if e.token.id == token_id else e for e in stored))
        return revoked

    def authenticate(self, secret: str, now: datetime) -> Token:
        """Return the token whose secret this is.

        What is wrong with a token is told only to those who have its secret.

        Raises:
            NotAuthenticated: it is no token's secret, or the token has expired or was revoked.
            AccessDamaged: the file is not what was written, or open to others.
        """
        form = _SECRET.fullmatch(secret)
        if form is None:
            raise NotAuthenticated("expected the secret of a token")
        known = self._current().known.get(form[1])
        given = hashlib.sha256(secret.encode()).digest()
        if not compare_digest(given, _NOBODY if known is None else known.sha256) or known is None:
            raise NotAuthenticated("there is no such token")
        token = known.token
        state = token.state(now)
        if state is not TokenState.ACTIVE:
            raise NotAuthenticated(f"the token is {state}")
        return token

    def _current(self) -> _Read:
        try:
            found = os.stat(self._name, follow_symlinks=False)
        except FileNotFoundError:
            return _NOTHING
        except OSError as error:
            raise AccessDamaged(f"{self._path}: cannot be read: {error.strerror}") from error
        read = self._read
        if read.identity != _identity(found):
            self._read = read = self._read_anew()
        return read

    def _read_anew(self) -> _Read:
        try:
            descriptor = open_private(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return _NOTHING
        try:
            # Its identity is taken before its content: should it be written to meanwhile, the next look sees that.
            identity = _identity(os.fstat(descriptor))
            with os.fdopen(os.dup(descriptor), "rb") as file:
                stored = decoded(file.read(), str(self._path))
        except BaseException:
            os.close(descriptor)
            raise
        known = {each.token.id: _Known(each.token, bytes.fromhex(each.secret_sha256)) for each in stored}
        return _Read(identity, descriptor, stored, known)

    def _write(self, stored: tuple[Stored, ...]) -> None:
        put(self._path, encoded(stored))


def first_token(directory: Path, now: datetime) -> Path | None:
    """Make an examiner's token where no token was ever made, and return the file that its secret was written to.

    Return None where there is a file of tokens, whatever it holds.

    Raises:
        StoreUnwritable: no space, no permission.
    """
    path, secret_path = directory / TOKENS, directory / FIRST_TOKEN
    with changing(path):
        if os.path.lexists(path):
            return None
        token, secret = _made("first start", Role.EXAMINER, (), None, NO_LIMITS, now, set())
        # The secret first: a service that dies in between makes another at its next start, and locks nobody out.
        put(secret_path, secret.encode() + b"\n")
        put(path, encoded((Stored(token, hashlib.sha256(secret.encode()).hexdigest()),)))
    return secret_path


def _made(
    name: str,
    role: Role,
    cases: tuple[str, ...],
    expires: datetime | None,
    budget: Budget,
    now: datetime,
    taken: set[str],
) -> tuple[Token, str]:
    token_id = secrets.token_hex(_ID_BYTES)
    while token_id in taken:
        token_id = secrets.token_hex(_ID_BYTES)
    random = base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
    return Token(token_id, name, role, cases, now, expires, None, budget), f"hm_{token_id}_{random}"


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    # The time of the last change of the inode: a change of mode, which may open the file to others, counts as well.
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size
