"""What the processes of a service hold: memory and descriptors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MEBIBYTE = 1 << 20


def memory(processes: Iterable[int]) -> int:
    """Return the bytes that processes have in memory, all together."""
    return sum(_kibibytes(pid, "VmRSS") << 10 for pid in processes)


def most_memory(processes: Iterable[int]) -> int:
    """Return the bytes that processes have had in memory at most, since `forget_most_memory`."""
    return sum(_kibibytes(pid, "VmHWM") << 10 for pid in processes)


def forget_most_memory(processes: Iterable[int]) -> None:
    for pid in processes:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(processes: Iterable[int]) -> int:
    """Return how many descriptors processes have open, all together."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in processes)


def _kibibytes(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])
