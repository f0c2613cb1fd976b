"""The process of one run, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from hashmatch.runs import files
from hashmatch.runs.locks import holder


class Child:
    """A process that was started."""

    def __init__(self, process: asyncio.subprocess.Process, patience: float) -> None:
        self._process = process
        self._patience = patience
        self._killing: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, directory: Path, patience: float) -> Child:
        """Start the process of a run; `patience` is how many seconds it may take to end when it is told to.

        Its arguments hold nothing but the run's directory: every user of the machine can read them.

        Raises:
            OSError: the system cannot start a process.
        """
        descriptor = os.open(directory / files.ERRORS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # A process group of its own keeps Ctrl-C at the service's terminal from it. A session of its own would
            # also give it a share of the processor of its own (autogroup, sched(7)), and being nice would mean nothing.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "hashmatch.runs.process", directory),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                process_group=0,
            )
        finally:
            os.close(descriptor)
        return cls(process, patience)

    def stop(self) -> None:
        """Tell it to end, and end it where it has not after its time. Telling it again changes nothing."""
        if self._killing is None:
            self._send(signal.SIGTERM)
            self._killing = asyncio.get_running_loop().call_later(self._patience, self._send, signal.SIGKILL)

    async def wait(self) -> int:
        """Return how it ended: its exit code, or the negative number of a signal."""
        how = await self._process.wait()
        if self._killing is not None:
            self._killing.cancel()
        return how

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def outlived(directory: Path, patience: float) -> None:
    """Wait for the end of a process that an earlier supervisor started; it was told to end when that one did."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while (process := holder(directory / files.LOCK)) is not None:
        if process and loop.time() >= deadline:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        await asyncio.sleep(0.05)
