"""Runs a whole program and measures it: time on the wall, time of the processors, memory of its process tree."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hashmatch.bench.memory import Sampler
from hashmatch.evidence.mounts import readable

# Decimal places of a second: as many as the raw figures keep, so that every ratio can be computed again from them.
DIGITS: Final = 4
_SAID: Final = 200  # characters of a failing program's last words that are kept

Check = Callable[[Path], str]


def _nothing() -> None:
    pass


def _all_right(_output: Path) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Program:
    """A command to measure. Its output goes to a file, as a lab would keep it.

    Attributes:
        name: as tables show it; one program has the same name in all benchmarks.
        accepted: exit codes of a run that did its work.
        runs: how often at most; None for as often as all others.
        prepare: is called before each run, not timed.
        check: gets the output of a run and returns what is wrong with it, or nothing. A program that is fast
            because it does not do the work has failed.
        environment: variables to set; all others are inherited.
    """

    name: str
    command: tuple[str, ...]
    accepted: frozenset[int] = frozenset({0})
    runs: int | None = None
    prepare: Callable[[], None] = _nothing
    check: Check = _all_right
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. Seconds; `peak` is the largest sum of PSS over the process tree, in bytes, None for a run that was too
    short to sample or not to be. `problem` says in printable characters why the run does not count, and is empty for
    one that does.
    """

    seconds: float
    user: float
    system: float
    peak: int | None
    exit_code: int
    problem: str


def measure(program: Program, place: Path, *, memory: bool = True) -> Measured:
    """Run a program once; `place` receives its output, and `memory` tells whether its memory is sampled."""
    output, said = place / "stdout", place / "stderr"
    program.prepare()
    # env(1) replaces itself by the program, so that nothing but the program is measured.
    words = [f"{name}={value}" for name, value in program.environment.items()]
    with output.open("wb") as out, said.open("wb") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["/usr/bin/env", *words, *program.command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,
        )
        sampler = Sampler(process.pid)
        if memory:
            sampler.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            # Killing a shell alone would leave what it started at work on a corpus that is being removed.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            seconds = time.perf_counter() - started
            if memory:
                sampler.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    problem = _problem(program, process.returncode, output, said)
    return Measured(
        seconds=round(seconds, DIGITS),
        user=round(usage.ru_utime, DIGITS),
        system=round(usage.ru_stime, DIGITS),
        peak=sampler.peak,
        exit_code=process.returncode,
        problem=problem,
    )


def _problem(program: Program, code: int, output: Path, said: Path) -> str:
    if code not in program.accepted:
        lines = said.read_bytes().strip().splitlines()
        return f"exit code {code}" + (f": {readable(lines[-1])[:_SAID]}" if lines else "")
    return program.check(output)
