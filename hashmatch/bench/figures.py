"""From raw figures to medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from hashmatch.bench.ours import OURS
from hashmatch.bench.raw import Record


@dataclass(frozen=True, slots=True)
class Row:
    """One program in one benchmark.

    Attributes:
        seconds, cpu: medians of the time on the wall and of the processors' time; None where a run failed.
        ratio: this program's median time, divided by that of hashmatch with its default engine.
        rate: items a second; `volume`: bytes a second, 0 where reading is not the work.
        peak: the largest of all runs, in bytes; None where every run was too short to sample.
        problem: of the first run that failed, or nothing.
    """

    program: str
    runs: int
    seconds: float | None
    ratio: float | None
    cpu: float | None
    rate: float | None
    volume: float | None
    peak: int | None
    problem: str


def rows(records: Sequence[Record], benchmark: str) -> list[Row]:
    """Return a row for each program of a benchmark, in the order in which they ran."""
    found = [record for record in records if record.benchmark == benchmark]
    base = _median([r for r in found if r.program == OURS])
    return [_row([r for r in found if r.program == name], base) for name in dict.fromkeys(r.program for r in found)]


def _row(runs: Sequence[Record], base: float | None) -> Row:
    first = runs[0]
    seconds = _median(runs)
    failed = seconds is None
    return Row(
        program=first.program,
        runs=len(runs),
        seconds=seconds,
        ratio=None if seconds is None or base is None else seconds / base,
        cpu=None if failed else statistics.median(r.measured.user + r.measured.system for r in runs),
        rate=None if seconds is None else first.items / seconds,
        volume=None if seconds is None else first.size / seconds,
        peak=max((r.measured.peak for r in runs if r.measured.peak is not None), default=None),
        problem=next((r.measured.problem for r in runs if r.measured.problem), ""),
    )


def _median(runs: Sequence[Record]) -> float | None:
    """Return the median time; None where there is none: nothing ran, or a run failed."""
    if not runs or any(run.measured.problem for run in runs):
        return None
    return statistics.median(run.measured.seconds for run in runs)
