"""What is measured: one module for each part that can be chosen. Corpora are made as their turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from hashmatch.bench.benchmark import Benchmark, Workbench
from hashmatch.bench.parts import growth, hashing, imports, lookups, scan
from hashmatch.errors import UsageError

PARTS: Final[dict[str, Callable[[Workbench], Iterator[Benchmark]]]] = {
    "hashing": hashing.benchmarks,
    "scan": scan.benchmarks,
    "import": imports.benchmarks,
    "lookup": lookups.benchmarks,
    "growth": growth.benchmarks,
}


def chosen(names: str | None) -> tuple[str, ...]:
    """Return the keys, or beginnings of keys, that are named, separated by commas; those of all parts where none is.

    Raises:
        UsageError: there is no such part.
    """
    if names is None:
        return tuple(PARTS)
    asked = tuple(dict.fromkeys(names.split(",")))
    if any(name.partition("/")[0] not in PARTS for name in asked):
        raise UsageError(f"only: expected some of {', '.join(PARTS)}, got {names}")
    return asked
