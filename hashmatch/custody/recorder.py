"""Recording what one person does: the events of a command or a request, all with the same actor."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, Unpack

from hashmatch.custody.events import MAX_TEXT, Action, Event, EventOutcome
from hashmatch.custody.trail import Trail

LOCAL_ROLE: Final = "local"

_LOGIN: Final = Path("/proc/self/loginuid")
_NO_LOGIN: Final = 2**32 - 1  # the kernel's value for a process that nobody logged in for


class What(TypedDict, total=False):
    """What an event says beside who did what; as in `Event`."""

    subject: str | None
    counts: Mapping[str, int]
    snapshot: str | None
    result_digest: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records events of one actor.

    Attributes:
        trail: where they go.
        actor, role, case, origin, run: as in `Event`.
    """

    trail: Trail
    actor: str
    role: str
    case: str | None = None
    origin: str | None = None
    run: str | None = None

    def event(self, action: Action, outcome: EventOutcome, **what: Unpack[What]) -> Event:
        """Return an event of this actor.

        Raises:
            UsageError: a text cannot stand in a trail (see `Event`).
        """
        return Event(action, outcome, self.actor, self.role, case=self.case, run=self.run, origin=self.origin, **what)

    def record(self, action: Action, outcome: EventOutcome, **what: Unpack[What]) -> None:
        """Record one event; it is on the disk when this returns.

        Raises:
            AuditUnwritable: it is not; nothing that depends on it may be done or answered.
            AuditDamaged: the trail is not what was written.
            UsageError: a text cannot stand in a trail (see `Event`).
        """
        self.trail.record(self.event(action, outcome, **what))


def local_actor() -> str:
    """Return who runs this process: the account, and who logged in, where that is somebody else.

    The login is the kernel's (`/proc/self/loginuid`), which `su` and `sudo` leave as it is.
    """
    account, login = os.getuid(), None
    with suppress(OSError, ValueError):
        login = int(_LOGIN.read_text())
    if login in (None, _NO_LOGIN, account):
        return f"os:{_name(account)}"
    return f"os:{_name(account)} (login {_name(login)})"


def _name(account: int) -> str:
    try:
        name = pwd.getpwuid(account).pw_name
    except KeyError:
        return str(account)
    return name if name.isprintable() and len(name) < MAX_TEXT // 4 else str(account)
