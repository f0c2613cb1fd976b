"""A worker process: reads batches of evidence files for its parent until there are no more.

What a file does is a result; what goes wrong with the worker itself is sent to the parent and stops the scan. A file
that kills the process, by a fault in a file system driver's mapping or by exhausting memory, is the parent's to find.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple, Protocol

from hashmatch.errors import HashmatchError
from hashmatch.hashing.engine import FileResult
from hashmatch.scan.batch import Batch

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


Load = tuple[Batch, ...]


class Examiner(Protocol):
    """Reads batches; lives in a worker."""

    @property
    def description(self) -> str:
        """The hashing engine's name and version."""
        ...

    def examine(self, batch: Batch) -> list[FileResult]:
        """Return a result for every name, and for every alternate stream found on the way."""
        ...


class Ready(NamedTuple):
    """A worker's first word."""

    engine: str


class Examined(NamedTuple):
    """What came of a worker's oldest load, batch by batch, and how many seconds it took.

    File results travel as plain tuples, which pickle in half the time.
    """

    results: list[list[tuple[Any, ...]]]
    seconds: float


class Failed(NamedTuple):
    """A worker's last word: something of ours went wrong."""

    error: Exception


def work(parent: Connection, parent_id: int, open_examiner: Callable[[], Examiner]) -> None:
    """Answer the parent's loads in order until it closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent acts on it.
    _die_with(parent_id)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            examiner = open_examiner()
            parent.send(Ready(examiner.description))
            while True:
                parent.send(_examined(examiner, parent.recv()))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to learn of it
            parent.send(Failed(_portable(error)))


def _examined(examiner: Examiner, load: Load) -> Examined:
    begun = time.perf_counter()
    results = [[tuple(result) for result in examiner.examine(batch)] for batch in load]
    return Examined(results, time.perf_counter() - begun)


def _die_with(parent_id: int) -> None:
    """Have the kernel end this process when its parent ends, even while it waits for a slow disk."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_id:
        raise SystemExit(1)  # The parent was gone before the kernel had been asked.


def _portable(error: Exception) -> Exception:
    """Return the error in a form that survives the way to the parent, with where it happened."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made on the same line
    except Exception:  # noqa: BLE001 - an error's own pickling may fail in any way
        return HashmatchError(f"worker process: {type(error).__name__}: {error}")
    return error
