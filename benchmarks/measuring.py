"""Runs whole programs, one at a time, and measures time and the memory of their process trees."""

from __future__ import annotations

import csv
import os
import platform
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

MIB = 1 << 20
_SAMPLE_EVERY = 0.3  # seconds; reading the map of a process of gigabytes takes some of them


@dataclass(frozen=True, slots=True)
class Program:
    """A command to time; its output goes to a file, as a lab would keep it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds on the wall, and the largest sum of PSS over the process tree, in bytes."""

    program: str
    seconds: float
    peak_bytes: int


def measure(program: Program, output: Path) -> Measured:
    """Run a program once."""
    with output.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(
            program.command,
            stdout=sink,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **program.environment},
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        sampler.stop()
    if code not in program.accepted:
        raise RuntimeError(f"{program.name}: exit code {code}")
    return Measured(program.name, seconds, sampler.peak)


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_EVERY):
            self.peak = max(self.peak, tree_memory(self._pid))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def tree_memory(pid: int) -> int:
    """Return the PSS of a process and all below it, in bytes: shared pages count once."""
    total, pending = 0, [pid]
    while pending:
        current = pending.pop()
        try:
            rollup = Path(f"/proc/{current}/smaps_rollup").read_text()
            pending += map(int, Path(f"/proc/{current}/task/{current}/children").read_text().split())
        except (OSError, ValueError):
            continue
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def in_turn(programs: Sequence[Program], runs: int, output: Path) -> list[Measured]:
    """Measure every program `runs` times, in turn, so that a drift of the machine meets all alike."""
    results = []
    for number in range(runs):
        for program in programs:
            result = measure(program, output)
            print(f"  run {number + 1}: {program.name}: {result.seconds:.2f} s, {result.peak_bytes / MIB:.0f} MiB")
            results.append(result)
    return results


def summary(results: Sequence[Measured], against: str) -> list[str]:
    """Return table rows: medians, and the time of each program as a multiple of `against`'s."""
    rows = ["| program | median s | times hashmatch | peak MiB |", "|---|---|---|---|"]
    base = _median(results, against)
    for name in dict.fromkeys(r.program for r in results):
        peak = max(r.peak_bytes for r in results if r.program == name)
        seconds = _median(results, name)
        rows.append(f"| {name} | {seconds:.2f} | {seconds / base:.2f} | {peak / MIB:.0f} |")
    return rows


def _median(results: Sequence[Measured], name: str) -> float:
    return statistics.median(r.seconds for r in results if r.program == name)


def write_run(folder: Path, title: str, results: Sequence[Measured], rows: Sequence[str]) -> None:
    """Keep the raw figures and the table with the machine that produced them."""
    folder.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    with (folder / f"{slug}.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["program", "seconds", "peak_bytes"])
        table.writerows((r.program, f"{r.seconds:.3f}", r.peak_bytes) for r in results)
    text = "\n".join([f"# {title}", "", machine(), "", *rows, ""])
    (folder / f"{slug}.md").write_text(text)
    print("\n" + text)


def machine() -> str:
    """Return what a reader must know of the machine."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return (
        f"{cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"{int(memory[1]) // MIB if memory else '?'} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}, warm page cache; "
        "whole programs, start-up and report included"
    )
