"""Changing who may ask the service what, on the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from hashmatch.access.budgets import Budget
from hashmatch.access.roles import Role
from hashmatch.access.tokens import TOKENS, Token, TokenStore, first_token
from hashmatch.config import Settings
from hashmatch.custody.events import Action, EventOutcome
from hashmatch.custody.opening import recording
from hashmatch.custody.recorder import Recorder
from hashmatch.on_record.ending import ending

_CREATED: Final = "created"
_REVOKED: Final = "revoked"


def create(
    recorder: Recorder,
    store: TokenStore,
    name: str,
    role: Role,
    *,
    cases: Sequence[str],
    expires: datetime | None,
    budget: Budget,
    now: datetime,
) -> tuple[Token, str]:
    """Make a token, as `TokenStore.create` does; its secret is given when it is on the record.

    Raises:
        AuditUnwritable: not all of it could be recorded; a token that was made all the same has a secret nobody knows.
        HashmatchError: what `TokenStore.create` raises.
    """
    with ending(recorder, Action.TOKEN_CHANGE, f"a new {role}"):
        token, secret = store.create(name, role, cases=cases, expires=expires, budget=budget, now=now)
    _record(recorder, token, _CREATED)
    return token, secret


def revoke(recorder: Recorder, store: TokenStore, token_id: str, now: datetime) -> Token:
    """Let a token open nothing from now on, as `TokenStore.revoke` does; one that is revoked is left as it is.

    Raises:
        AuditUnwritable: not all of it could be recorded; what was begun is.
        HashmatchError: what `TokenStore.revoke` raises.
    """
    token = store.get(token_id)
    if token.revoked is not None:
        return token
    with ending(recorder, Action.TOKEN_CHANGE, _named(token)):
        token = store.revoke(token_id, now)
    _record(recorder, token, _REVOKED)
    return token


def create_first(settings: Settings, directory: Path, now: datetime) -> Path | None:
    """Make the token of a first start, as `first_token` does.

    Raises:
        AuditUnwritable: it could not be recorded.
        HashmatchError: what `first_token` raises.
    """
    if (directory / TOKENS).exists():
        return None
    with recording(settings) as recorder:
        with ending(recorder, Action.TOKEN_CHANGE, f"a new {Role.EXAMINER}"):
            path = first_token(directory, now)
        _record(recorder, TokenStore(directory / TOKENS).all()[0], _CREATED)
    return path


def _record(recorder: Recorder, token: Token, done: str) -> None:
    limits = msgspec.structs.asdict(token.budget)
    counts = {f"{kind}_an_hour": limit for kind, limit in limits.items() if limit is not None}
    reason = f"{done}: {token.role}"
    recorder.record(Action.TOKEN_CHANGE, EventOutcome.DONE, subject=_named(token), counts=counts, reason=reason)


def _named(token: Token) -> str:
    return f"{token.id} {token.name}"
