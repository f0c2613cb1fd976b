"""The register: every run the service was ever asked for, in a directory each. Any process of the service reads it.

A run is made in a directory that is renamed into place, so it is there whole or not at all. What is asked of a run
afterwards (cancel, resume) is a file in `asked/` named for it: the supervisor, which alone writes states, takes it
from there. So no two processes ever write the same file, and nothing asked is lost when one of them ends.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from hashmatch.errors import RunDamaged, RunNotFound, RunNotPossible
from hashmatch.runs import files
from hashmatch.runs.record import UNDER_WAY, Asked, ImportAsked, Kind, Run, ScanAsked, State
from hashmatch.store.catalogue import writing
from hashmatch.store.durable import make_directories, sync_directory

_ID: Final = re.compile(r"[0-9a-f]{32}")
_DRAFT: Final = ".new-"
CANCEL: Final = "cancel"
RESUME: Final = "resume"


def _nobody() -> None:
    """Wake nobody: the supervisor looks for itself once a second."""


class _Identity(NamedTuple):
    """Tells one `state.json` from another: it is replaced by rename, never written in place."""

    inode: int
    changed: int
    size: int


def _identity(path: str) -> _Identity | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return _Identity(status.st_ino, status.st_ctime_ns, status.st_size)


def new_id() -> str:
    """Return an id that no run has."""
    return uuid4().hex


class Register:
    """The runs in one directory."""

    def __init__(self, directory: Path, wake: Callable[[], None] = _nobody) -> None:
        """Name the directory; `wake` is called when there is something for the supervisor to do."""
        self._root = directory
        self._name = os.fspath(directory)
        self._wake = wake
        self._remembered: dict[str, tuple[_Identity, Run]] = {}

    def create(
        self, asked: Asked, *, owner: str, role: str, now: datetime, origin: str | None = None, run_id: str = ""
    ) -> Run:
        """Enter a new run, to be started as soon as there is room; it outlives a power cut when this returns.

        Args:
            asked: what is to be done.
            owner: the id of the token that asks for it.
            role: of that token.
            now: when that is.
            origin: where the request came from.
            run_id: one that `new_id` returned, where it has to be known before the run is there.

        Raises:
            StoreUnwritable: the disk refuses; there is then no such run.
        """
        run_id = run_id or new_id()
        draft = self._root / f"{_DRAFT}{run_id}"
        with writing(self._root):
            make_directories(self._root / "asked")
            draft.mkdir(mode=0o700)
            try:
                files.write(draft / files.REQUEST, files.Request(files.FORMAT, owner, role, origin, now, asked))
                files.write(draft / files.STATE, files.Status(State.QUEUED))
                os.rename(draft, self._root / run_id)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            sync_directory(self._root)
        self._wake()
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """Return a run as it is now.

        Raises:
            RunNotFound: there is none of that name.
            RunDamaged: its files are not what was written.
        """
        remembered = self._remembered.get(run_id)
        if remembered is not None and remembered[0] == _identity(self._state(run_id)):
            return remembered[1]
        directory = self.directory(run_id)
        try:
            # Before the content: should the state be replaced meanwhile, the next look sees another identity.
            identity = _identity(self._state(run_id))
            run = self._read(run_id, directory)
        except FileNotFoundError as error:
            raise RunDamaged(f"{error.filename}: not there") from None
        if run.state not in UNDER_WAY and identity is not None:
            # There may be thousands of such runs, and whoever lists runs would read the files of all each time.
            self._remembered[run_id] = identity, run
        return run

    def all(self) -> list[Run]:
        """Return every run that can be read, the newest first. Of one that cannot, `get` says why."""
        return sorted(self._readable(), key=lambda run: (run.created, run.id), reverse=True)

    def ids(self) -> set[str]:
        """Return the names of all runs."""
        try:
            return {name for name in os.listdir(self._root) if _ID.fullmatch(name)}
        except FileNotFoundError:
            return set()

    def directory(self, run_id: str) -> Path:
        """Return where a run's files are.

        Raises:
            RunNotFound: there is no such run; nothing that is no id is ever looked for.
        """
        directory = self._root / run_id
        if not _ID.fullmatch(run_id) or not directory.is_dir():
            raise RunNotFound("there is no such run")
        return directory

    def cancel(self, run_id: str) -> Run:
        """Ask that a run end; what it has found so far stays. Asking twice is asking once.

        Raises:
            RunNotFound: there is no such run.
            RunNotPossible: it has ended.
        """
        run = self.get(run_id)
        if run.state not in UNDER_WAY:
            raise RunNotPossible(f"the run cannot be cancelled: it is {run.state}")
        return self._ask(run_id, CANCEL)

    def resume(self, run_id: str) -> Run:
        """Ask that a run that stopped early be taken up again.

        Raises:
            RunNotFound: there is no such run.
            RunNotPossible: it is under way, has ended as it should, or cannot be taken up.
        """
        run = self.get(run_id)
        if isinstance(run.request, ImportAsked) or not run.resumable:
            raise RunNotPossible(f"the run cannot be resumed: it is {run.state}")
        return self._ask(run_id, RESUME)

    def asked(self) -> list[tuple[str, str]]:
        """Return (run, `cancel` or `resume`) for everything that was asked and not yet answered."""
        try:
            names = sorted(os.listdir(self._root / "asked"))
        except FileNotFoundError:
            return []
        return [(run_id, verb) for run_id, _, verb in (name.partition(".") for name in names)]

    def answered(self, run_id: str, verb: str) -> None:
        """Take what was asked of a run as done."""
        with writing(self._root):
            self._mark(run_id, verb).unlink(missing_ok=True)

    def _read(self, run_id: str, directory: Path) -> Run:
        request = files.read(directory / files.REQUEST, files.Request)
        progress = files.read(directory / files.STATE, files.Status)
        return Run(
            id=run_id,
            kind=Kind.SCAN if isinstance(request.asked, ScanAsked) else Kind.IMPORT,
            state=progress.state,
            reason=progress.reason,
            code=progress.code,
            owner=request.owner,
            role=request.role,
            case=request.asked.case if isinstance(request.asked, ScanAsked) else None,
            created=request.created,
            started=progress.started,
            ended=progress.ended,
            attempts=progress.attempts,
            resumable=progress.resumable,
            cancelling=progress.state in UNDER_WAY and self._mark(run_id, CANCEL).exists(),
            counts=progress.counts,
            result=progress.result,
            request=request.asked,
        )

    def remove_drafts(self, before: float) -> None:
        """Remove what was begun before a time, in seconds since 1970, and never became a run."""
        for path in self._root.glob(f"{_DRAFT}*"):
            if path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)

    def _ask(self, run_id: str, verb: str) -> Run:
        with writing(self._root):
            self._mark(run_id, verb).touch(mode=0o600)
            sync_directory(self._root / "asked")
        self._wake()
        return self.get(run_id)

    def _state(self, run_id: str) -> str:
        return f"{self._name}/{run_id}/{files.STATE}"

    def _mark(self, run_id: str, verb: str) -> Path:
        return self._root / "asked" / f"{run_id}.{verb}"

    def _readable(self) -> Iterator[Run]:
        for run_id in self.ids():
            try:
                yield self.get(run_id)
            except (RunDamaged, RunNotFound):
                continue
