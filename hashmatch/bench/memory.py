"""Samples the memory of a process tree while it runs."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Final

_AT_MOST_EVERY: Final = 0.05  # seconds
# Reading the map of a process of gigabytes takes a tenth of a second, in which the process cannot change it: the
# sampler must not measure itself. So it rests this many times as long as its last sample took.
_REST: Final = 50


class Sampler(threading.Thread):
    """Takes samples from `start` to `stop`; `peak` is the largest, in bytes, None before the first."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak: int | None = None
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        rest = _AT_MOST_EVERY
        while not self._ended.wait(rest):
            started = time.perf_counter()
            found = tree_memory(self._pid)
            rest = max(_AT_MOST_EVERY, _REST * (time.perf_counter() - started))
            if found:
                self.peak = max(self.peak or 0, found)

    def stop(self) -> None:
        """End the sampling."""
        self._ended.set()
        self.join()


def tree_memory(pid: int) -> int:
    """Return the PSS of a process and all below it, in bytes: shared pages count once."""
    total, pending = 0, [pid]
    while pending:
        current = pending.pop()
        try:
            rollup = Path(f"/proc/{current}/smaps_rollup").read_text()
            pending += map(int, Path(f"/proc/{current}/task/{current}/children").read_text().split())
        except (OSError, ValueError):
            continue
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total
