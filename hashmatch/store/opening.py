"""Opening a store for use: the active lists and the key they are sealed with.

A scan or a look-up needs nothing else of a store, and must not wait for what only an import needs to be loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hashmatch.config import Settings
from hashmatch.errors import SealingKeyError
from hashmatch.store.layout import Layout
from hashmatch.store.sealing import Sealer, load_key
from hashmatch.store.snapshot import Snapshot, active_lists, open_snapshot


@contextmanager
def open_lists(settings: Settings, resident_limit: int | None = None) -> Iterator[Snapshot]:
    """Pin the active lists and open them, to scan or to look up with.

    Args:
        settings: say where the store and its key are.
        resident_limit: see `open_snapshot`.

    Raises:
        NoActiveList: nothing is active. Asked first, as a store that never had a list has no key either.
        SealingKeyError: the key is beneath the store, absent, unusable, or not the one they were sealed with.
        StoreDamaged: a list is not what was sealed.
    """
    layout = Layout(settings.store)
    active_lists(layout)
    with open_snapshot(layout, sealer_for_use(settings), resident_limit) as snapshot:
        yield snapshot


def sealer_for_use(settings: Settings) -> Sealer:
    """Load the sealing key for looking up.

    Raises:
        SealingKeyError: it is beneath the store, absent or unusable.
    """
    check_key_outside(settings)
    return load_key(settings.sealing_key)


def check_key_outside(settings: Settings) -> None:
    """Refuse a key that a thief of the store would carry away with it."""
    key, store = os.path.realpath(settings.sealing_key), os.path.realpath(settings.store)
    if os.path.commonpath([key, store]) == store:
        raise SealingKeyError(f"sealing key {settings.sealing_key}: expected outside the store {settings.store}")
