"""hashmatch as a program to measure: the command of this installation, from outside, as a lab starts it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hashmatch.bench.benchmark import Workbench
from hashmatch.bench.measuring import Check, Program, measure
from hashmatch.errors import HashmatchError

OURS: Final = "hashmatch"
PORTABLE: Final = "hashmatch, portable engine"
REPORT: Final = "report"
_MATCHED: Final = b"match"


class BenchmarkFailed(HashmatchError):
    """What all programs of a benchmark need could not be made."""

    code = "benchmark"


def command() -> tuple[str, ...]:
    """Return the words that start this installation's command."""
    script = Path(sys.executable).with_name("hashmatch")
    if script.exists():
        return (str(script),)
    return (sys.executable, "-P", "-c", "from hashmatch.cli.main import main; main()")


def store(bench: Workbench, source: Path, name: str) -> Path:
    """Return a store with one list in it.

    Raises:
        BenchmarkFailed: the import failed.
    """
    place = bench.place / f"store-{name}"
    mark = bench.place / f"store-{name}.complete"
    if not mark.exists():
        removing(place)()
        bench.say(f"importing {source.name}")
        problem = measure(Program(OURS, _import(bench, source, place)), bench.place).problem
        if problem:
            raise BenchmarkFailed(f"import of {source.name}: {problem}")
        mark.touch()
    return place


def importing(bench: Workbench, source: Path) -> Program:
    """Import a list into a new store, which is there afterwards."""
    place = bench.place / "store-import"
    return Program(OURS, _import(bench, source, place), prepare=removing(place))


def scans(bench: Workbench, tree: Path, at: Path, algorithms: str, expected: int) -> tuple[Program, ...]:
    """Scan a tree with each engine; a run counts if it examined everything and `expected` files match."""
    report = bench.place / REPORT
    words = (*_with(bench, at), "scan", str(tree), "--output", str(report), "--allow-writable", "benchmark")
    return tuple(
        Program(
            name,
            (*words, "--digests", algorithms),
            prepare=removing(report),
            check=_matches_reported(report, expected),
            environment=environment,
        )
        for name, environment in {OURS: {}, **bench.engines}.items()
    )


def looking_up(bench: Workbench, at: Path, asked: Path, expected: int) -> Program:
    """Look up the MD5s of a file in one call; a run counts if `expected` of them match."""
    return Program(OURS, (*_with(bench, at), "lookup", "--algorithm", "md5", str(asked)), check=_lines(expected))


def _with(bench: Workbench, at: Path) -> tuple[str, ...]:
    return (*bench.hashmatch, "--store", str(at), "--sealing-key", str(bench.place / "key" / "sealing.key"))


def _import(bench: Workbench, source: Path, at: Path) -> tuple[str, ...]:
    declared = ["--id", "made-up", "--type", "known", "--release", "1", "--authority", "benchmark", "--unsigned"]
    algorithm = ["--algorithm", "md5"] if source.suffix == ".md5" else []
    return (*_with(bench, at), "lists", "import", str(source), *declared, *algorithm)


def removing(place: Path) -> Callable[[], None]:
    """Return what removes a directory of an earlier run."""

    def remove() -> None:
        if place.exists():
            # Generations are read-only, their directories too.
            for folder, _, _ in os.walk(place):
                os.chmod(folder, 0o700)
            shutil.rmtree(place)

    return remove


def _matches_reported(report: Path, expected: int) -> Check:
    def check(_output: Path) -> str:
        found = json.loads((report / "report.json").read_bytes())["counts"]["match"]
        return "" if found == expected else f"expected {expected} matches, got {found}"

    return check


def _lines(expected: int) -> Check:
    def check(output: Path) -> str:
        with output.open("rb") as file:
            found = sum(line.startswith(_MATCHED) for line in file)
        return "" if found == expected else f"expected {expected} matches, got {found}"

    return check
