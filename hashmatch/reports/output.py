"""The output directory and the files in it. Whatever the disk refuses becomes `OutputUnusable`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

from hashmatch.errors import OutputUnusable, UsageError

DRAFT: Final = ".new"  # ends the name of a file that is not whole yet
_BUFFER: Final = 256 << 10  # bytes of lines gathered before a write


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the system's errors about `path`."""
    try:
        yield
    except OSError as error:
        raise OutputUnusable(f"{path}: {error.strerror or error}") from error


def prepare(directory: Path) -> None:
    """Make the output directory, for its owner only, or accept an empty one.

    Raises:
        UsageError: there is something in it, or it is no directory; results are never mixed with others.
        OutputUnusable: it cannot be made or read.
    """
    with writing(directory):
        try:
            directory.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            if not directory.is_dir():
                raise UsageError(f"{directory}: expected a new or empty directory, got a file") from None
            if any(directory.iterdir()):
                raise UsageError(f"{directory}: expected a new or empty directory, got one that is not empty") from None


class ReportFile:
    """A file of the report, for its owner only, written from start to end."""

    def __init__(self, directory: Path, name: str) -> None:
        """Create the file.

        Raises:
            OutputUnusable: it is there already, or the disk refuses.
        """
        self.path = directory / name
        with writing(self.path):
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(handle, "wb", buffering=0)
        self._lines: list[bytes] = []
        self._gathered = 0

    def write(self, line: bytes) -> None:
        """Append `line`, which brings its own end.

        Raises:
            OutputUnusable: the disk refuses.
        """
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered >= _BUFFER:
            self._write_out()

    def finish(self) -> None:
        """Write what is left and see it on the disk.

        Raises:
            OutputUnusable: the disk refuses.
        """
        self._write_out()
        with writing(self.path):
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # After `finish` this does nothing; on the way out of an error the file stays as far as it came, and the
        # missing report.json tells that it is not whole.
        with contextlib.suppress(OSError):
            self._file.close()

    def _write_out(self) -> None:
        view = memoryview(b"".join(self._lines))
        self._lines, self._gathered = [], 0
        with writing(self.path):
            while view:
                view = view[self._file.write(view) or 0 :]


def write_last(directory: Path, name: str, content: bytes) -> None:
    """Write a whole file that is either absent or complete, whenever the power fails.

    Raises:
        OutputUnusable: the disk refuses; the file is then absent.
    """
    draft = directory / f"{name}{DRAFT}"
    with ReportFile(directory, draft.name) as file:
        file.write(content)
        file.finish()
    with writing(directory / name):
        draft.rename(directory / name)
        _sync(directory)


def remove(directory: Path, names: Iterable[str]) -> None:
    """Remove files, those that are there, so that none of them comes back when the power fails.

    Raises:
        OutputUnusable: the disk refuses.
    """
    with writing(directory):
        for name in names:
            (directory / name).unlink(missing_ok=True)
        _sync(directory)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
