"""A run's own process: `python -m hashmatch.runs.process DIRECTORY`, started by the supervisor.

It takes everything from files in the directory, says what happens in `events.jsonl`, and leaves `outcome.json` as its
last word. What else may happen to it, whoever waits for it can see from how it ended: a page of an image that cannot
be read (SIGBUS), no memory, a fault in a library. That ends this run and nothing else.

Three things keep it from being a burden. It is nicer than the service by `NICE`, threads and children included: on a
core shared with two hashing threads, a busy process kept 0.29 of the time where these were as nice as it was, 0.51 at
5, 0.72 at 10 and 0.92 at 19; and a scan is not to starve either. Where memory runs out, the kernel is to end this
process and not the service. And it does not outlive its supervisor: it is told to stop when that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from hashmatch.custody.opening import open_trail
from hashmatch.custody.recorder import Recorder
from hashmatch.custody.trail import Trail
from hashmatch.errors import HashmatchError, SourceOutside, UsageError
from hashmatch.runs import files
from hashmatch.runs.events import EventWriter
from hashmatch.runs.locks import hold
from hashmatch.runs.record import ImportAsked, ScanAsked, State

NICE: Final = 10
_ENDED_FIRST: Final = 500  # of -1000 to 1000 (proc_pid_oom_score_adj(5)): as if half the memory more were in use
_PR_SET_PDEATHSIG: Final = 1


def main(directory: Path) -> None:
    """Do the run that a directory holds."""
    with hold(directory / files.LOCK):
        start = files.read(directory / files.START, files.Start)
        _give_way(start.supervisor)
        request = files.read(directory / files.REQUEST, files.Request)
        with EventWriter(directory / files.EVENTS) as events:
            outcome = _outcome(directory, request, start, events)
        files.write(directory / files.OUTCOME, outcome)


def _outcome(directory: Path, request: files.Request, start: files.Start, events: EventWriter) -> files.Outcome:
    asked = request.asked
    try:
        with open_trail(start.places.settings) as trail:
            recorder = recorder_of(request, directory.name, trail)
            if isinstance(asked, ScanAsked):
                from hashmatch.runs.scans import carry_out_scan  # a scan does not wait for what only an import needs

                return carry_out_scan(recorder, directory, asked, start, events)
            from hashmatch.runs.imports import carry_out_import

            return carry_out_import(recorder, asked, start.places, events)
    except HashmatchError as error:
        # What cannot succeed however often it is tried is not offered again.
        hopeless = isinstance(asked, ImportAsked) or isinstance(error, UsageError | SourceOutside)
        return files.Outcome(State.FAILED, str(error), error.code, resumable=not hopeless)


def recorder_of(request: files.Request, run_id: str, trail: Trail) -> Recorder:
    """Return who records what a run does: whoever asked for it."""
    case = request.asked.case if isinstance(request.asked, ScanAsked) else None
    return Recorder(trail, request.owner, request.role, case=case, origin=request.origin, run=run_id)


def _give_way(supervisor: int) -> None:
    # Of the group, as what was loaded may have threads already; the group holds nothing else (`child`).
    os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    with contextlib.suppress(OSError):  # a container may not let a process change this
        Path("/proc/self/oom_score_adj").write_text(str(_ENDED_FIRST))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
