"""What the parent process of the service tells a worker, and what a worker tells its parent."""

from __future__ import annotations

from typing import Final

import msgspec

from hashmatch.api.settings import ServiceSettings

READY: Final = b"ready\n"
LOOK: Final = b"look\n"  # at the register of runs: there is something to do


class Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker process is told.

    Attributes:
        listening: a descriptor of a listening socket.
        nsrlsvr: that of one for nsrlsvr's protocol, where it is spoken.
        metrics: the directory in which all workers keep their figures.
    """

    settings: ServiceSettings
    listening: int
    nsrlsvr: int | None
    metrics: str
