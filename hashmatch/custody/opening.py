"""The trail of a store: where it is, where its key is, and who is recorded on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hashmatch.config import Settings
from hashmatch.custody.recorder import LOCAL_ROLE, Recorder, local_actor
from hashmatch.custody.trail import Trail
from hashmatch.errors import AuditUnwritable

_DIRECTORY: Final = "audit"
_KEY: Final = "trail.key"


def trail_directory(settings: Settings) -> Path:
    """Return where the trail of a store is."""
    return settings.store / _DIRECTORY


def trail_key(settings: Settings) -> Path:
    """Return where the key is that its checkpoints are signed with."""
    return settings.trail_key or settings.sealing_key.with_name(_KEY)


def trail_places(settings: Settings) -> tuple[Path, ...]:
    """Return what lies outside the store and is written to all the same."""
    copies = settings.checkpoint_copies
    return (trail_key(settings),) if copies is None else (trail_key(settings), copies)


def open_trail(settings: Settings) -> Trail:
    """Open the trail of a store, which begins with this where there was none.

    Raises:
        AuditUnwritable: no permission, no space, no key, or one that whoever changes the store could change, too.
        AuditDamaged: the end of the trail is not what was written there.
    """
    for path in trail_places(settings):
        place, store = os.path.realpath(path), os.path.realpath(settings.store)
        if os.path.commonpath([place, store]) == store:
            raise AuditUnwritable(f"{path}: expected outside the store {settings.store}")
    return Trail(trail_directory(settings), signing_key=trail_key(settings), copies=settings.checkpoint_copies)


@contextmanager
def recording(settings: Settings, *, case: str | None = None) -> Iterator[Recorder]:
    """Open the trail of a store to record what a command does; closing it signs a checkpoint.

    Raises:
        AuditUnwritable, AuditDamaged: as in `open_trail`.
    """
    with open_trail(settings) as trail:
        yield Recorder(trail, local_actor(), LOCAL_ROLE, case=case)
