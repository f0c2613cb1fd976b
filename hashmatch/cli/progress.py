"""Progress on stderr: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

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
        self._step = ""
        self._last = time.monotonic()

    def __call__(self, step: str, done: int) -> None:
        now = time.monotonic()
        if step == self._step and now - self._last < _PLAIN_EVERY:
            return
        if step != self._step or done:
            click.echo(f"{_STEPS[step]}" + (f": {done:,}" if done else ""), err=True)
        self._step, self._last = step, now


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
