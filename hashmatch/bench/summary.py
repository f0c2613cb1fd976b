"""The summary for people: targets first, then a table for each benchmark, then what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hashmatch.bench.benchmark import LeftOut
from hashmatch.bench.figures import Row
from hashmatch.bench.targets import CORES, Held

_MIB: Final = 1 << 20
_BUSY: Final = 0.5  # load a core


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run of benchmarks found.

    Attributes:
        tables: the rows of each benchmark, by its key; `titles` by the same keys.
        left_out: programs that were not measured, with the title of the benchmark.
        failed: what went wrong outside a measured run, by part.
        machine: the content of machine.json.
    """

    tables: Mapping[str, Sequence[Row]]
    titles: Mapping[str, str]
    targets: Sequence[Held]
    left_out: Sequence[tuple[str, LeftOut]]
    failed: Mapping[str, str]
    machine: Mapping[str, Any]

    @property
    def complete(self) -> bool:
        """Whether everything that was begun did its work."""
        return not self.failed and not any(row.problem for rows in self.tables.values() for row in rows)


def markdown(summary: Summary) -> str:
    """Return the text of summary.md."""
    return "\n".join(_lines(summary))


def _lines(summary: Summary) -> Iterator[str]:
    machine = summary.machine
    yield f"# Benchmarks of {machine['date']}"
    yield ""
    yield (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['kernel']}, "
        f"{machine['engine']}; {machine['page_cache']}. Whole programs, start-up and report included. "
        "Only ratios within this run count: medians, and the largest sum of PSS over the process tree. "
        "Every run is in raw.csv."
    )
    yield from _warnings(summary)
    if summary.targets:
        yield from _targets(summary)
    for key, rows in summary.tables.items():
        yield from _table(key, summary.titles[key], rows)
    yield from _missing(summary)


def _warnings(summary: Summary) -> Iterator[str]:
    if not summary.machine["selftest_passed"]:
        yield "\n**The self-test of this installation failed: these figures are worth nothing.**"
    if summary.machine["scale"] != 1 or summary.machine["cores"] != CORES:
        yield (
            f"\nScale {summary.machine['scale']:g}, {summary.machine['cores']} cores: the targets below are set for "
            f"scale 1 and {CORES} cores."
        )
    if summary.machine["load_average_before"] > _BUSY * summary.machine["cores"]:
        yield (
            f"\n**The machine was busy when this began (load {summary.machine['load_average_before']}): times on the "
            "wall mean little, CPU s mean more.**"
        )
    if not summary.complete:
        yield "\n**Some runs failed; see the end.**"


def _targets(summary: Summary) -> Iterator[str]:
    yield "\n## Targets\n"
    full_size = summary.machine["scale"] == 1
    yield "| work | against | target | measured | |"
    yield "|---|---|---|---|---|"
    for item in summary.targets:
        met = {True: "met", False: "missed", None: ""}[item.met if full_size else None]
        title = summary.titles[item.target.benchmark]
        yield f"| {title} | {item.peer} | {item.target.wanted} | {item.shown} | {met} |"


def _table(key: str, title: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield f"`{key}`\n"
    yield "| program | runs | median s | times hashmatch's | CPU s | per second | peak MiB |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        cells = [row.program, f"{row.runs}", _number(row.seconds, ".3f"), _number(row.ratio, ".2f")]
        cells += [_number(row.cpu, ".2f"), _rate(row), _number(row.peak and row.peak / _MIB, ".0f")]
        yield "| " + " | ".join(cells) + " |"


def _rate(row: Row) -> str:
    if row.volume:
        return f"{row.volume / _MIB:,.0f} MiB"
    return _number(row.rate, ",.0f")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _missing(summary: Summary) -> Iterator[str]:
    failed = [(summary.titles[key], row) for key, rows in summary.tables.items() for row in rows if row.problem]
    if failed or summary.failed:
        yield "\n## Failed\n"
        yield from (f"- {title}: {row.program}: {row.problem}" for title, row in failed)
        yield from (f"- {part}: {message}" for part, message in summary.failed.items())
    if summary.left_out:
        yield "\n## Left out\n"
        yield from (f"- {title}: {item.program}: {item.reason}" for title, item in summary.left_out)
    yield ""
