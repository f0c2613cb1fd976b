"""Makes a run of benchmarks: each benchmark in turn, its programs interleaved, figures kept as they come."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from hashmatch.bench import engines, figures, machine, ours, raw, targets
from hashmatch.bench.benchmark import Benchmark, LeftOut, Workbench
from hashmatch.bench.measuring import Program, measure
from hashmatch.bench.parts import PARTS, chosen
from hashmatch.bench.summary import Summary, markdown
from hashmatch.errors import HashmatchError, OutputUnusable

SUMMARY: Final = "summary.md"
MACHINE: Final = "machine.json"
PLOT: Final = "plot.svg"
_KEPT: Final = "hashmatch-bench-corpora"
_NEEDED: Final = 16 * 10**9  # bytes of all corpora, lists, stores and indexes at scale 1
_NEEDED_BIG: Final = 24 * 10**9  # bytes more


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        output: a new or empty directory for the results.
        place: where corpora are made.
        only: names of parts or keys of benchmarks, separated by commas; None for all.
        runs: of each program.
        scale: 1 for corpora and lists of full size.
        big: also growth to a million files and 50 million entries.
        keep_corpora: leave them for the next run, which then finds them.
    """

    output: Path
    place: Path
    only: str | None = None
    runs: int = 3
    scale: float = 1.0
    big: bool = False
    keep_corpora: bool = False


def folder_name(now: datetime) -> str:
    """Return the name of a folder of results: the day and the machine."""
    return f"{now:%Y-%m-%d}-{machine.name()}"


def run(request: Request, now: datetime, say: Callable[[str], None]) -> Summary:
    """Make all benchmarks that are asked for and write the folder of results.

    Raises:
        UsageError: there is no such part.
        OutputUnusable: the output is not empty or cannot be written, or the place has no room.
    """
    only = chosen(request.only)
    _check_room(request)
    _make_output(request.output)
    with _place(request) as place:
        bench = Workbench(
            place=place,
            only=only,
            scale=request.scale,
            big=request.big,
            cores=machine.cores(),
            hashmatch=ours.command(),
            engines={},
            say=say,
        )
        facts = _facts(request, bench, now)
        other_engines, unavailable = engines.others(bench, str(facts["engine"]))
        bench = replace(bench, engines=other_engines)
        found = _Findings(left_out=[("all", item) for item in unavailable])
        with (request.output / raw.FILE).open("w", newline="") as file:
            table = raw.RawFile(file)
            for part in filter(bench.wants, PARTS):
                _part(part, bench, request.runs, found, table)
        found.failed.update(_without_benchmark(only, found))
    return _write(request.output, found, facts, say)


@dataclass(slots=True)
class _Findings:
    titles: dict[str, str] = field(default_factory=dict)
    left_out: list[tuple[str, LeftOut]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def _part(part: str, bench: Workbench, runs: int, found: _Findings, file: raw.RawFile) -> None:
    """Make the benchmarks of a part; where one cannot be made, say so and leave the rest of the part."""
    try:
        for benchmark in filter(lambda b: bench.wants(b.key), PARTS[part](bench)):
            found.titles[benchmark.key] = benchmark.title
            found.left_out += [(benchmark.title, item) for item in benchmark.programs if isinstance(item, LeftOut)]
            bench.say(benchmark.title)
            _in_turn(benchmark, bench, runs, file)
    except (HashmatchError, OSError) as error:
        found.failed[part] = str(error).replace(str(bench.place), "PLACE")


def _without_benchmark(only: Iterable[str], found: _Findings) -> dict[str, str]:
    """Return the names that no benchmark has, so that a slip of the pen does not look like a short run."""
    made = [f"{key}/" for key in found.titles]
    return {
        name: "there is no such benchmark"
        for name in only
        if name.partition("/")[0] not in found.failed and not any(key.startswith(f"{name}/") for key in made)
    }


def _in_turn(benchmark: Benchmark, bench: Workbench, runs: int, file: raw.RawFile) -> None:
    """Measure in turn, so that a drift of the machine meets all alike; a program that failed is not run again.

    Memory is sampled in the first round alone: of a program that keeps all cores busy a sample takes time away, the
    more the larger it is, so most times that a median is taken of must be free of it.
    """
    benchmark.warm()
    programs = [item for item in benchmark.programs if isinstance(item, Program)]
    failed: set[str] = set()
    for number in range(1, min(runs, benchmark.runs or runs) + 1):
        for program in programs:
            if program.name in failed or number > (program.runs or runs):
                continue
            measured = measure(program, bench.place, memory=number == 1)
            file.write(raw.record(benchmark, program.name, number, measured))
            if measured.problem:
                failed.add(program.name)
            bench.say(f"  run {number}: {program.name}: {measured.problem or f'{measured.seconds:.2f} s'}")


def _facts(request: Request, bench: Workbench, now: datetime) -> dict[str, object]:
    bench.say("self-test")
    passed = engines.selftest_passes(bench)
    versions = engines.tools(bench, {})
    return {
        "date": f"{now:%Y-%m-%d}",
        **machine.facts(bench.place),
        "page_cache": "warm page cache: every corpus is read once before it is measured",
        "scale": request.scale,
        "runs": request.runs,
        "selftest_passed": passed,
        "engine": versions["engine"],
        "versions": versions,
    }


@contextmanager
def _place(request: Request) -> Iterator[Path]:
    if request.keep_corpora:
        kept = request.place.absolute() / _KEPT
        kept.mkdir(mode=0o700, exist_ok=True)
        if kept.is_symlink() or kept.stat().st_uid != os.getuid():
            raise OutputUnusable(f"{kept}: belongs to another user")
        yield kept
        return
    made = Path(tempfile.mkdtemp(prefix="hashmatch-bench-", dir=request.place.absolute()))
    try:
        yield made
    finally:
        ours.removing(made)()


def _check_room(request: Request) -> None:
    needed = int((_NEEDED + (_NEEDED_BIG if request.big else 0)) * request.scale)
    try:
        request.place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(request.place).free
    except OSError as error:
        raise OutputUnusable(f"{request.place}: {error.strerror}") from error
    if free < needed:
        raise OutputUnusable(f"{request.place}: expected {needed / 1e9:.1f} GB free, got {free / 1e9:.1f}")


def _make_output(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise OutputUnusable(f"{output}: is not empty")
    except OSError as error:
        raise OutputUnusable(f"{output}: {error.strerror}") from error


def _write(output: Path, found: _Findings, facts: dict[str, object], say: Callable[[str], None]) -> Summary:
    with (output / raw.FILE).open(newline="") as file:
        records = raw.read(file)
    tables = {key: figures.rows(records, key) for key in found.titles}
    summary = Summary(tables, found.titles, targets.held(tables), found.left_out, found.failed, facts)
    (output / SUMMARY).write_text(markdown(summary))
    (output / MACHINE).write_text(json.dumps(facts, indent=2) + "\n")
    if importlib.util.find_spec("matplotlib") is None:
        say("no plot: matplotlib is not installed (pip install 'hashmatch[bench]')")
    else:
        from hashmatch.bench.plot import draw

        draw(tables, found.titles, output / PLOT)
    return summary
