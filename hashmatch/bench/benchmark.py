"""One benchmark: the same work for several programs; and the bench it is made on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hashmatch.bench.measuring import Program


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A program that was not measured, and why."""

    program: str
    reason: str


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where and how large.

    Attributes:
        place: a directory that everything made here goes into.
        only: keys of benchmarks to make, or beginnings of keys.
        scale: 1 for corpora and lists of full size.
        big: also what needs much time and space.
        cores: processes or threads for programs that want to be told.
        hashmatch: the command that starts this installation.
        engines: names of programs, and the variables that make hashmatch use another hashing engine.
        say: is told what goes on.
    """

    place: Path
    only: tuple[str, ...]
    scale: float
    big: bool
    cores: int
    hashmatch: tuple[str, ...]
    engines: Mapping[str, Mapping[str, str]]
    say: Callable[[str], None]

    def count(self, full: int) -> int:
        """Return the number that takes the place of a full-size one."""
        return max(1, round(full * self.scale))

    def wants(self, key: str) -> bool:
        """Return whether a benchmark, or any with a key that begins so, is to be made."""
        return any(f"{key}/".startswith(f"{name}/") or f"{name}/".startswith(f"{key}/") for name in self.only)


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The same work for several programs.

    Attributes:
        key: a name that stays the same whatever the scale: part, corpus, variant.
        title: for people.
        items, unit: of the work: files, entries, digests.
        size: bytes to read; 0 where reading is not the work.
        programs: programs and those left out, in the order of tables; hashmatch first.
        runs: how often at most; None for as often as asked.
        warm: reads what all programs will read, before the first.
    """

    key: str
    title: str
    items: int
    unit: str
    size: int
    programs: tuple[Program | LeftOut, ...]
    runs: int | None = None
    warm: Callable[[], None] = _nothing
