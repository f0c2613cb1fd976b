"""Looking at running processes through /proc: their children, what they have open, what memory they take."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

Answer = TypeVar("Answer")

_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def family(process: int) -> list[int]:
    """Return a process and all that descend from it; of one that has ended, nothing."""
    found = [process] if os.path.exists(f"/proc/{process}") else []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


def readers(process: int, file: Path) -> list[int]:
    """Return those of a family that have a file open."""
    return [member for member in family(process) if _has_open(member, str(file))]


def _has_open(process: int, path: str) -> bool:
    try:
        return any(os.readlink(link) == path for link in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return False


def at_rest(process: int, but_for: int) -> bool:
    """Tell whether all threads of a family but for so many wait for something, each time they are looked at."""
    for _ in range(10):
        tasks = [task for member in family(process) for task in Path(f"/proc/{member}/task").glob("*")]
        if sum(_state(task) not in "SZX" for task in tasks) > but_for:
            return False
        time.sleep(0.02)
    return True


def _state(task: Path) -> str:
    """Return the letter of proc_pid_stat(5): R runs or would, D waits for a disk, S waits for something else."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def takes_by_default(process: int, number: signal.Signals) -> bool:
    """Tell whether a process does with a signal what the system does, and has no handler of its own."""
    caught = re.search(r"^SigCgt:\s+(\w+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert caught
    return not int(caught[1], 16) >> (number - 1) & 1


def wait_for(question: Callable[[], Answer], seconds: float = 600) -> Answer:
    """Ask until the answer is not empty."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return answer


class PeakMemory:
    """Watches the proportional set size of a family, in bytes, until it is asked for the peak."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self._peak = max(self._peak, sum(map(_pss, family(self._process))))

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak


def _pss(process: int) -> int:
    try:
        found = _PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
