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
    """Return the parts that are named, separated by commas, in their own order; all where none is.

    Raises:
        UsageError: there is no such part.
    """
    asked = set(PARTS) if names is None else set(names.split(","))
    if not asked <= set(PARTS):
        raise UsageError(f"only: expected some of {', '.join(PARTS)}, got {names}")
    return tuple(name for name in PARTS if name in asked)
