"""Private views: how several processes read one sealed generation at once.

LevelDB lets one process open a directory and writes into it even when it only reads. So a reader gets a directory of
its own: hard links to the tables, which LevelDB never changes, and copies of the small files, which it replaces. What
was pinned in the manifest is checked on the way: sizes of the tables, digests of the small files. LevelDB itself would
take a cut MANIFEST for an older state with fewer tables, and every digest in the others for absent.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hashmatch.errors import StoreDamaged, StoreError, StoreUnwritable
from hashmatch.store.manifest import PinnedFile

_LOCK: Final = "lock"
_DATABASE: Final = "db"
_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def open_view(views: Path, database: Path, files: tuple[PinnedFile, ...]) -> Iterator[Path]:
    """Give a directory that LevelDB may open, and remove it afterwards.

    Raises:
        StoreDamaged: the generation's files are not those that were pinned.
        StoreUnwritable: there is no space for a view, or no permission.
        StoreError: no view can be made for another reason.
    """
    try:
        view, lock = _claim(views)
    except OSError as error:
        raise _refusal(views, error) from error
    try:
        target = view / _DATABASE
        try:
            target.mkdir(mode=0o700)
            check_names(database, files)
            for pinned in files:
                _bring(database / pinned.name, target / pinned.name, pinned)
        except OSError as error:
            raise _refusal(database, error) from error
        yield target
    finally:
        shutil.rmtree(view, ignore_errors=True)
        os.close(lock)


def sweep(views: Path) -> int:
    """Remove the views that dead processes left; return how many."""
    removed = 0
    with _exclusive(views):
        for view in views.iterdir():
            if view.is_dir() and _is_dead(view):
                shutil.rmtree(view, ignore_errors=True)
                removed += 1
    return removed


def check_names(database: Path, files: tuple[PinnedFile, ...]) -> None:
    """Refuse a database directory that lacks a pinned file or has one more.

    Raises:
        StoreDamaged: names the first difference.
    """
    try:
        present = {entry.name for entry in os.scandir(database)}
    except OSError as error:
        raise StoreDamaged(f"{database}: {error.strerror}") from error
    expected = {pinned.name for pinned in files}
    for name in sorted(expected - present):
        raise StoreDamaged(f"{database / name}: missing")
    for name in sorted(present - expected):
        raise StoreDamaged(f"{database / name}: not part of the sealed generation")


def is_table(name: str) -> bool:
    """Tell whether a file of a database holds records; LevelDB never changes such a file."""
    return name.endswith((".ldb", ".sst"))


def _refusal(path: Path, error: OSError) -> StoreError:
    kind = StoreUnwritable if error.errno in _UNWRITABLE else StoreError
    return kind(f"{path}: cannot make a view: {error.strerror}")


def _bring(source: Path, target: Path, pinned: PinnedFile) -> None:
    if is_table(pinned.name):
        size = source.stat().st_size
        if size != pinned.size:
            raise StoreDamaged(f"{source}: expected {pinned.size} bytes, got {size}")
        try:
            os.link(source, target)
        except OSError:
            # Links across file systems, beyond the link limit, or of files of others are refused; a copy serves.
            shutil.copyfile(source, target)
        return
    content = source.read_bytes()
    if len(content) != pinned.size or hashlib.sha256(content).hexdigest() != pinned.sha256:
        raise StoreDamaged(f"{source}: not the content that was sealed")
    target.write_bytes(content)


def _claim(views: Path) -> tuple[Path, int]:
    views.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _exclusive(views):
        view = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=views))
        lock = os.open(view / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return view, lock


@contextmanager
def _exclusive(views: Path) -> Iterator[None]:
    """Keep a sweep from meeting a view that has its directory but not yet its lock."""
    guard = os.open(views / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def _is_dead(view: Path) -> bool:
    try:
        lock = os.open(view / _LOCK, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)
