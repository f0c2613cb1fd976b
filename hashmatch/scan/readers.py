"""How many readers a scan has where nobody has said."""

from __future__ import annotations

import os


def readers(asked: int | None, *, rotational: bool | None) -> int:
    """Return the number of readers: what was asked for, else what fits the device.

    A rotating disk has one head: a second reader makes it go back and forth, and both wait. Anything else answers
    several readers at once, and they keep every usable core busy; so does a device of which nothing is known.
    """
    if asked is not None:
        return asked
    return 1 if rotational else len(os.sched_getaffinity(0))
