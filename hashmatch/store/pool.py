"""Worker processes: tasks in, results in order, a bounded number under way."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Final, Self, TypeVar

from hashmatch.errors import StoreError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD: Final = 2  # tasks for each process; enough to keep it busy, few enough to bound memory
_PR_SET_PDEATHSIG: Final = 1


class Pool:
    """Runs tasks in `processes` workers, or at once in this process where that is 0."""

    def __init__(
        self,
        processes: int,
        died: str = "a worker process of the import died; nothing was imported",
        *,
        forked: bool = False,
    ) -> None:
        """Start nothing yet.

        Args:
            processes: how many workers.
            died: what to say where a worker dies.
            forked: start all workers on entering, as copies of this process that need not load its modules anew.
                Where other threads run, whose locks a copy would hold for ever, they are started afresh all the same.
        """
        self._died = died
        self._processes = processes
        self._forked = forked and threading.active_count() == 1
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._processes:
            self._executor = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("fork" if self._forked else "spawn"),
                initializer=_start,
                initargs=(os.getpid(),),
            )
            if self._forked:
                _submit(self._executor, os.getpid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], ahead: int = _AHEAD
    ) -> Iterator[_Result]:
        """Yield the result of each task, in order; up to `ahead` tasks for each process are taken before.

        Raises:
            StoreError: a worker process died.
        """
        if self._executor is None:
            for task in tasks:
                yield function(task)
            return
        under_way: deque[Future[_Result]] = deque()
        try:
            for task in tasks:
                under_way.append(_submit(self._executor, function, task))
                if len(under_way) > ahead * self._processes:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise StoreError(self._died) from None
        finally:
            for future in under_way:
                future.cancel()


def _submit(executor: ProcessPoolExecutor, function: Callable[..., _Result], *tasks: _Task) -> Future[_Result]:
    # This starts a worker where none is idle. Until it ignores SIGINT itself, Ctrl-C must not reach it: the mask is
    # inherited.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(function, *tasks)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(parent: int) -> None:
    """Leave Ctrl-C to the parent, and do not outlive it: its temporary files are swept by the next import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
