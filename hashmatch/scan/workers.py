"""The pool of worker processes: batches in, results out, whatever dies on the way.

A worker gets its next load before it has answered the last, so it never waits for the parent. One that dies is
replaced; the load it was at is done again file by file. A file that kills a worker by itself, and does so again, is
given up as `worker_crashed`, and the scan goes on: once alone may be bad luck, as when memory runs out elsewhere.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Final, Self

from hashmatch.errors import HashmatchError
from hashmatch.hashing.engine import FileResult
from hashmatch.outcomes import FailureReason
from hashmatch.scan.batch import DRAIN, POLL, Answer, Batch
from hashmatch.scan.loads import Loads, files_in, one_by_one
from hashmatch.scan.worker import Examined, Examiner, Failed, Load, Ready, work

AHEAD: Final = 2  # loads a worker has at a time
# A longer load goes to an idle worker only: were it written while the worker writes a long answer, and neither fitted
# the buffers of the pipe (about 200 KiB), both would wait for ever.
_SAFE_AHEAD: Final = 32 << 10  # bytes
_FAILED_STARTS: Final = 3  # workers in a row that may die before they are ready


class _Worker:
    """One process, the parent's end of its pipe, and the loads it has not answered, oldest first."""

    def __init__(self, open_examiner: Callable[[], Examiner]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe(duplex=True)
        self.process = context.Process(target=work, args=(theirs, os.getpid(), open_examiner), daemon=True)
        # Until the worker ignores SIGINT itself, Ctrl-C must not reach it: the mask is inherited.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.loads: deque[Load] = deque()
        self.ready = False
        self.gone = False

    def has_room(self, size: int) -> bool:
        limit = AHEAD if size <= _SAFE_AHEAD else 1
        return len(self.loads) < limit and not self.gone

    def give(self, load: Load, pickled: bytes) -> None:
        self.loads.append(load)
        # If it has died, the end of its pipe is about to be read, and the load is then taken back.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(pickled)

    def dismiss(self) -> None:
        """Close the pipe, which tells an idle worker to end."""
        self.gone = True
        self.pipe.close()

    def end(self, patience: float) -> None:
        self.dismiss()
        self.process.join(patience)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


class WorkerPool:
    """A fixed number of workers. Used by one thread, as a context."""

    def __init__(self, workers: int, open_examiner: Callable[[], Examiner]) -> None:
        """Start the workers; `open_examiner` is pickled and called in each."""
        self._engine = ""
        self._bytes_read = 0
        self.crashes = 0
        self._open_examiner = open_examiner
        self._failed_starts = 0
        self._supply = Loads(iter(()))
        self._again: deque[Load] = deque()
        self._suspects: set[Load] = set()
        self._workers = [_Worker(open_examiner) for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        for worker in self._workers:
            worker.dismiss()
        # A worker that still has a load is reading something nobody waits for any more.
        for worker in self._workers:
            worker.end(0.0 if kind or worker.loads else 1.0)

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far, of files that are done."""
        return self._bytes_read

    def engine(self) -> str:
        """Return the description of the engine the workers hash with.

        Raises:
            HashmatchError: workers die before they can say so.
        """
        while not self._engine:
            self._listen()
        return self._engine

    def examine(self, batches: Iterator[Batch], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Yield each batch, or a part of one, with its results, as they come.

        Once `stopped`, no further load is given out, and what is under way is waited for briefly.

        Raises:
            HashmatchError: workers die before they can do anything.
            Exception: what went wrong in a worker that was not the evidence's fault.
        """
        self._supply = Loads(batches)
        deadline: float | None = None
        while True:
            if deadline is None and stopped():
                deadline = time.monotonic() + DRAIN
                self._again.clear()
            if deadline is None:
                self._feed()
            if not any(worker.loads for worker in self._workers):
                break
            if deadline is not None and time.monotonic() >= deadline:
                break
            yield from self._listen()

    def _listen(self) -> list[Answer]:
        """Take what workers have said, idle ones included: one that has died must not be given a batch."""
        said = set(wait([worker.pipe for worker in self._workers], POLL))
        return [answer for worker in tuple(self._workers) if worker.pipe in said for answer in self._receive(worker)]

    def _feed(self) -> None:
        """Give out loads, to the workers with the fewest first, while there is room and supply."""
        while any(worker.has_room(0) for worker in self._workers):
            load = self._again.popleft() if self._again else self._supply.take()
            if not load:
                return
            pickled = pickle.dumps(load, pickle.HIGHEST_PROTOCOL)
            worker = min(self._workers, key=lambda each: len(each.loads))
            if not worker.has_room(len(pickled)):
                self._again.appendleft(load)
                return
            worker.give(load, pickled)

    def _receive(self, worker: _Worker) -> Iterator[Answer]:
        message = _message(worker.pipe)
        if isinstance(message, Examined):
            load = worker.loads.popleft()
            self._supply.measured(files_in(load), message.seconds)
            for batch, plain in zip(load, message.results, strict=True):
                results = list(map(FileResult._make, plain))
                self._bytes_read += sum(result.bytes_read for result in results)
                yield batch, results
        elif isinstance(message, Ready):
            worker.ready, self._engine, self._failed_starts = True, message.engine, 0
        elif isinstance(message, Failed):
            raise message.error
        else:
            yield from self._replace(worker)

    def _replace(self, dead: _Worker) -> Iterator[Answer]:
        """Put a new worker in the place of a dead one and its loads back to be done."""
        dead.end(1.0)
        left = list(dead.loads)
        dead.loads.clear()
        if dead.ready and left:
            self.crashes += 1
            suspect = left.pop(0)
            if files_in(suspect) > 1:
                left[:0] = one_by_one(suspect)
            elif suspect not in self._suspects:
                self._suspects.add(suspect)
                left.insert(0, suspect)
            else:
                self._suspects.remove(suspect)
                yield suspect[0], [crashed(suspect[0].names[0])]
        elif not dead.ready:
            self._failed_starts += 1
            if self._failed_starts > _FAILED_STARTS:
                raise HashmatchError(f"worker processes end before they are ready, exit code {dead.process.exitcode}")
        self._again.extend(left)
        self._workers[self._workers.index(dead)] = _Worker(self._open_examiner)


def crashed(name: bytes) -> FileResult:
    """Return the result of a file that ended the process reading it."""
    return FileResult(
        name,
        FailureReason.WORKER_CRASHED,
        digests=(),
        size=0,
        inode=0,
        device=0,
        bytes_read=0,
        errno=None,
        offset=None,
        deferred=False,
        atime_risked=False,
        allocated=0,
    )


def _message(pipe: Connection[Any, Any]) -> object:
    """Return what a worker says, or None if it has died, in the middle of a message or before."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None
