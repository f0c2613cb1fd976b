"""The supervisor: starts what is queued, waits for it, writes down how it ended. One to a register.

It lives in the parent process of the service and knows no HTTP; whoever asks for something writes it to the register
and may wake it. It alone writes states, so what it finds when it starts is what an earlier one left behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from hashmatch.custody.events import Event
from hashmatch.errors import AuditError, RunDamaged, RunError, StoreUnwritable
from hashmatch.runs import files
from hashmatch.runs.child import Child, outlived
from hashmatch.runs.endings import END, end_of, ending, event_of
from hashmatch.runs.events import EventWriter
from hashmatch.runs.imports import remove_upload
from hashmatch.runs.record import UNDER_WAY, ImportAsked, Kind, Run, State
from hashmatch.runs.register import CANCEL, RESUME, Register

_log: Final = logging.getLogger("hashmatch.runs")

_POLL: Final = 1.0  # seconds; a wake that is lost costs no more than this
PATIENCE: Final = 10.0  # seconds; a scan needs two to stop and then has its report to write


class Supervisor:
    """Used by one event loop."""

    def __init__(
        self,
        register: Register,
        places: files.Places,
        clock: Callable[[], datetime],
        record: Callable[[Event], None],
        *,
        at_once: int = 1,
        patience: float = PATIENCE,
    ) -> None:
        """Start nothing yet.

        Args:
            register: whose runs are supervised.
            places: for the processes it starts.
            clock: asked when a run starts and when it ends.
            record: puts an event in the audit trail; raises AuditError.
            at_once: how many scans run side by side; beside them, one import.
            patience: seconds that a process may take to end when it is told to.
        """
        self._register = register
        self._places = places
        self._clock = clock
        self._record = record
        # Two imports cannot both change the store; the second would be refused.
        self._room = {Kind.SCAN: at_once, Kind.IMPORT: 1}
        self._patience = patience
        self._known: set[str] = set()
        self._queue: list[Run] = []
        self._children: dict[str, Child] = {}
        self._tasks: dict[str, tuple[Kind, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look at the register now."""
        self._woken.set()

    def stop(self) -> None:
        """Tell everything that runs to end; `run` returns when it has."""
        self._stopping = True
        for child in self._children.values():
            child.stop()
        self.wake()

    async def run(self) -> None:
        """Supervise until told to stop."""
        self._remove_what_was_left(self._clock().timestamp())
        while not self._stopping:
            try:
                self._look()
            except StoreUnwritable as error:
                _log.error("the register cannot be written", extra={"fields": {"reason": str(error)}})
            self._woken.clear()
            try:
                await asyncio.wait_for(self._woken.wait(), _POLL)
            except TimeoutError:
                continue
        await asyncio.gather(*(task for _, task in self._tasks.values()), return_exceptions=True)

    def _remove_what_was_left(self, before: float) -> None:
        """Remove what a service that died had begun to enter or to receive, or had received and entered no import for.

        What is as new as this supervisor is another process's, which may still be about it.
        """
        self._register.remove_drafts(before)
        wanted = {run.request.upload for run in self._register.all() if isinstance(run.request, ImportAsked)}
        uploads = Path(self._places.uploads)
        for path in uploads.iterdir() if uploads.is_dir() else ():
            with suppress(FileNotFoundError):
                if str(path) not in wanted and path.stat().st_mtime < before:
                    path.unlink()

    def _look(self) -> None:
        """Take what is new and what is asked, then start what there is room for."""
        for run_id in sorted(self._register.ids() - self._known):
            self._known.add(run_id)
            self._meet(run_id)
        for run_id, verb in self._register.asked():
            self._hear(run_id, verb)
        self._queue.sort(key=lambda run: (run.created, run.id))
        for run in tuple(self._queue):
            if sum(kind is run.kind for kind, _ in self._tasks.values()) < self._room[run.kind]:
                self._queue.remove(run)
                self._begin(run, self._carry_out(run))

    def _meet(self, run_id: str) -> None:
        """Take up a run that is seen for the first time."""
        run = self._read(run_id)
        if run is None:
            return
        if run.state is State.QUEUED:
            self._queue.append(run)
        elif run.state is State.RUNNING:
            self._begin(run, self._take_over(run))

    def _hear(self, run_id: str, verb: str) -> None:
        """Do what is asked of a run."""
        run = self._read(run_id)
        if run is not None and verb == CANCEL and run.state in UNDER_WAY:
            if run_id in self._children:
                self._children[run_id].stop()
            elif run_id not in self._tasks:
                self._queue = [queued for queued in self._queue if queued.id != run_id]
                self._begin(run, self._settle(run_id, None))
            return  # the request stays until the run has ended because of it
        if run is not None and verb == RESUME and run.resumable and run_id not in self._tasks:
            files.write(
                self._register.directory(run_id) / files.STATE, files.Status(State.QUEUED, attempts=run.attempts)
            )
            self._queue.append(self._register.get(run_id))
        self._register.answered(run_id, verb)

    def _begin(self, run: Run, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[run.id] = run.kind, task
        task.add_done_callback(partial(self._ended, run.id))

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[run_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a run could not be seen to its end", exc_info=error, extra={"fields": {"run": run_id}})
        self.wake()

    async def _carry_out(self, run: Run) -> None:
        """Start the process of a run and see it to its end."""
        directory = self._register.directory(run.id)
        try:
            child = await self._start(run, directory)
        except (StoreUnwritable, OSError) as error:
            _log.error("a run cannot be started", extra={"fields": {"run": run.id, "reason": str(error)}})
            await asyncio.sleep(_POLL)
            self._queue.append(run)
            return
        self._children[run.id] = child
        if self._stopping:
            child.stop()
        how = await child.wait()
        del self._children[run.id]
        await self._settle(run.id, how)

    async def _start(self, run: Run, directory: Path) -> Child:
        attempt = run.attempts + 1
        (directory / files.OUTCOME).unlink(missing_ok=True)
        files.write(directory / files.START, files.Start(self._places, attempt, os.getpid()))
        files.write(directory / files.STATE, files.Status(State.RUNNING, attempt, started=self._clock()))
        return await Child.start(directory, self._patience)

    async def _take_over(self, run: Run) -> None:
        """End a run that an earlier supervisor started."""
        await outlived(self._register.directory(run.id), self._patience)
        await self._settle(run.id, None)

    async def _settle(self, run_id: str, how: int | None) -> None:
        """Write down how a run ended, as soon as the disk takes it: a run that ended is never left as running."""
        while True:
            run = self._read(run_id)
            if run is None:
                return
            try:
                self._write_ending(run, how)
            except (StoreUnwritable, AuditError) as error:
                _log.error("a run's end cannot be written", extra={"fields": {"run": run_id, "reason": str(error)}})
                if self._stopping:
                    return
                await asyncio.sleep(_POLL)
            else:
                return

    def _write_ending(self, run: Run, how: int | None) -> None:
        directory = self._register.directory(run.id)
        if isinstance(run.request, ImportAsked):
            remove_upload(run.request, self._places)
        said = _last_word(directory)
        status = ending(run, said, how, self._clock(), stopping=self._stopping)
        if said is None:
            self._record(event_of(run, status))
        files.write(directory / files.STATE, status)
        try:
            with EventWriter(directory / files.EVENTS) as events:
                events.write(END, end_of(self._register.get(run.id)))
                events.flush()
        except RunDamaged as error:
            _log.error("a run's events are damaged", extra={"fields": {"run": run.id, "reason": str(error)}})
        self._register.answered(run.id, CANCEL)
        fields = {"run": run.id, "kind": run.kind, "state": status.state, "code": status.code, "exit": how}
        _log.info("a run ended", extra={"fields": fields})

    def _read(self, run_id: str) -> Run | None:
        """Return a run, unless it is damaged: that is for whoever looks after the machine to mend."""
        try:
            return self._register.get(run_id)
        except RunError as error:
            _log.error("a run cannot be read", extra={"fields": {"run": run_id, "reason": str(error)}})
            return None


def _last_word(directory: Path) -> files.Outcome | None:
    try:
        return files.read(directory / files.OUTCOME, files.Outcome)
    except (FileNotFoundError, RunDamaged):
        return None
