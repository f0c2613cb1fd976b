"""Walks for tests: what came out, gathered."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from hashmatch.evidence.opening import open_root
from hashmatch.evidence.tree import Entry, Files, walk


class Walked(NamedTuple):
    files: list[bytes]
    streams: list[bytes]
    entries: list[Entry]
    largest_batch: int

    @property
    def seen(self) -> Counter[bytes]:
        """Paths of all that is an entry of a directory."""
        return Counter(self.files + [entry.path for entry in self.entries])

    def entry(self, path: bytes) -> Entry:
        (entry,) = (entry for entry in self.entries if entry.path == path)
        return entry


def walked(root: Path, *, cross_mounts: bool = False, ntfs: bool = False) -> Walked:
    gathered = Walked([], [], [], 0)
    largest = 0
    descriptor = open_root(os.fsencode(root))
    try:
        for item in walk(descriptor, cross_mounts=cross_mounts, ntfs=ntfs):
            if isinstance(item, Entry):
                gathered.entries.append(item)
                continue
            (gathered.streams if item.streams else gathered.files).extend(paths(item))
            largest = max(largest, len(item.names))
    finally:
        os.close(descriptor)
    return gathered._replace(largest_batch=largest)


def paths(files: Files) -> list[bytes]:
    return [os.path.join(files.directory, name) for name in files.names]


def found(root: Path) -> Counter[bytes]:
    """What find(1) says is there."""
    command = ["find", ".", "-xdev", "-mindepth", "1", "-printf", "%P\\0"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return Counter(done.stdout.split(b"\0")[:-1])
