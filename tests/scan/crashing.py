"""Examiners that die, hang or fail at files whose names say so."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from hashmatch.hashing.engine import FileResult
from hashmatch.scan.batch import Batch


@dataclass(frozen=True)
class Crashing:
    """`kill…` and `fault…` end the process, `once…` does the first time, `starve…` is an error of ours."""

    marks: Path
    sleep: float = 0.0

    @property
    def description(self) -> str:
        return "crashing 1"

    def __call__(self) -> Crashing:
        return self

    def examine(self, batch: Batch) -> list[FileResult]:
        for name in batch.names:
            self._meet(name)
        return [result(name) for name in batch.names]

    def _meet(self, name: bytes) -> None:
        time.sleep(self.sleep)
        if name.startswith(b"kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith(b"fault"):
            ctypes.string_at(1)
        if name.startswith(b"once") and not (self.marks / name.decode()).exists():
            (self.marks / name.decode()).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith(b"starve"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if name.startswith(b"hang"):
            time.sleep(60)


@dataclass(frozen=True)
class DiesAtStart:
    """A worker that cannot even begin."""

    def __call__(self) -> Crashing:
        os._exit(7)


def result(name: bytes) -> FileResult:
    content = (name.ljust(32, b"."),)
    return FileResult(name, None, content, 1, 1, 1, 1, None, None, deferred=False, atime_risked=False, allocated=512)
