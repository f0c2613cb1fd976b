"""Progress on stderr: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from hashmatch.scan.request import ScanProgress

_PLAIN_EVERY: Final = 5.0  # seconds between plain lines
_STEPS: Final = {"seal": "sealing entries", "write": "writing records", "verify": "reading everything back"}


@contextmanager
def import_progress() -> Iterator[Callable[[str, int], None]]:
    """Show how far an import is; what is given is called with the step and the number done in it."""
    if sys.stderr.isatty():
        with _live_import() as report:
            yield report
    else:
        yield _PlainImport()


class _PlainImport:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, step: str, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= _PLAIN_EVERY:
            self._last = now
            click.echo(f"{_STEPS[step]}" + (f": {done:,}" if done else ""), err=True)


@contextmanager
def _live_import() -> Iterator[Callable[[str, int], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {step: progress.add_task(name, total=None, visible=False) for step, name in _STEPS.items()}

        def report(step: str, done: int) -> None:
            progress.update(tasks[step], completed=done, visible=True)

        yield report


@contextmanager
def scan_progress() -> Iterator[Callable[[ScanProgress], None]]:
    """Show how far a scan is; what is given is called with its counters."""
    if sys.stderr.isatty():
        with _live_scan() as report:
            yield report
    else:
        yield _PlainScan()


class _PlainScan:
    def __init__(self) -> None:
        self._started = self._last = time.monotonic()

    def __call__(self, progress: ScanProgress) -> None:
        now = time.monotonic()
        if now - self._last >= _PLAIN_EVERY:
            self._last = now
            click.echo(_plain_line(progress, now - self._started), err=True)


def _plain_line(progress: ScanProgress, elapsed: float) -> str:
    fraction = fraction_done(progress)
    rest = f", about {elapsed / fraction - elapsed:.0f} s left" if fraction else ""
    return (
        f"{progress.files:,} files, {progress.bytes / 1e6:,.0f} MB, {progress.bytes / 1e6 / elapsed:,.0f} MB/s, "
        f"{progress.matches:,} matches{rest}"
    )


def fraction_done(progress: ScanProgress) -> float:
    """Return how much of the source has been read, from 0 to 1; 0 where nothing tells.

    Used space counts what no file holds, so the bytes alone would never reach the end; entries alone would
    jump over large files. The larger fraction of the two is the better guess, and neither may claim the end.
    """
    fractions = [0.0]
    if progress.walked and progress.listed:
        fractions.append(progress.files / progress.listed)
    elif progress.entries_estimate:
        fractions.append(progress.files / progress.entries_estimate)
    if progress.bytes_estimate:
        fractions.append(progress.bytes / progress.bytes_estimate)
    return min(max(fractions), 0.99)


@contextmanager
def _live_scan() -> Iterator[Callable[[ScanProgress], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("scanning"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[files]:,} files  {task.fields[size]}  {task.fields[rate]}/s"),
        TextColumn("ETA"),
        TimeRemainingColumn(compact=True),
        TextColumn("[bold]{task.fields[matches]:,} matches"),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), expand=True) as display:
        task = display.add_task("scan", total=1.0, files=0, size="0 MB", rate="0 MB", matches=0)

        def report(progress: ScanProgress) -> None:
            elapsed = max(time.monotonic() - started, 1e-6)
            display.update(
                task,
                completed=fraction_done(progress),
                files=progress.files,
                size=f"{progress.bytes / 1e6:,.0f} MB",
                rate=f"{progress.bytes / 1e6 / elapsed:,.0f} MB",
                matches=progress.matches,
            )

        yield report
        display.update(task, completed=1.0)
