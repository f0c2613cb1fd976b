"""What a scan gives to whoever reads its evidence, and what it gets back."""

from __future__ import annotations

from typing import Final, NamedTuple

from hashmatch.hashing.engine import FileResult

POLL: Final = 0.1  # seconds between looks at the stop signal
DRAIN: Final = 2.0  # seconds for which a stopped scan waits for what is under way


class Batch(NamedTuple):
    """Files of one directory to examine. Plain values, because it crosses a process border.

    Attributes:
        directory: path relative to the source.
        streams: the names are alternate streams of a directory (`name:stream`).
        defer_links: leave a file that has several names for later.
    """

    directory: bytes
    names: tuple[bytes, ...]
    streams: bool
    defer_links: bool


Answer = tuple[Batch, list[FileResult]]

# Stands among batches where the walk has none at hand yet and goes on: a moment to take what was read.
NOTHING_YET: Final = Batch(b"", (), streams=False, defer_links=False)
