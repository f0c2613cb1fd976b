"""The raw figures, a line for every single run, in `raw.csv`; the summary is computed from these and nothing else."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Final, TextIO

from hashmatch.bench.benchmark import Benchmark
from hashmatch.bench.measuring import DIGITS, Measured

FILE: Final = "raw.csv"
_COLUMNS: Final = (
    "benchmark",
    "program",
    "run",
    "seconds",
    "user",
    "system",
    "peak_bytes",
    "items",
    "unit",
    "bytes",
    "exit",
    "problem",
)


@dataclass(frozen=True, slots=True)
class Record:
    """One run of one program in one benchmark; `items`, `unit` and `size` as the benchmark has them."""

    benchmark: str
    program: str
    run: int
    measured: Measured
    items: int
    unit: str
    size: int


def record(benchmark: Benchmark, program: str, run: int, measured: Measured) -> Record:
    """Return what is kept of a run."""
    return Record(benchmark.key, program, run, measured, benchmark.items, benchmark.unit, benchmark.size)


class RawFile:
    """Appends each run as it ends, so that a benchmark which is stopped leaves what it had."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._table = csv.writer(file, lineterminator="\n")
        self._table.writerow(_COLUMNS)

    def write(self, record: Record) -> None:
        """Keep one run."""
        m = record.measured
        times = [f"{value:.{DIGITS}f}" for value in (m.seconds, m.user, m.system)]
        peak = "" if m.peak is None else m.peak
        work = [record.items, record.unit, record.size]
        self._table.writerow(
            [record.benchmark, record.program, record.run, *times, peak, *work, m.exit_code, m.problem]
        )
        self._file.flush()


def read(file: TextIO) -> list[Record]:
    """Read what `RawFile` wrote.

    Raises:
        ValueError: it is something else.
    """
    table = csv.DictReader(file)
    if tuple(table.fieldnames or ()) != _COLUMNS:
        raise ValueError(f"expected the columns {', '.join(_COLUMNS)}")
    return [_record(row) for row in table]


def _record(row: dict[str, str]) -> Record:
    measured = Measured(
        seconds=float(row["seconds"]),
        user=float(row["user"]),
        system=float(row["system"]),
        peak=int(row["peak_bytes"]) if row["peak_bytes"] else None,
        exit_code=int(row["exit"]),
        problem=row["problem"],
    )
    work = (int(row["items"]), row["unit"], int(row["bytes"]))
    return Record(row["benchmark"], row["program"], int(row["run"]), measured, *work)
