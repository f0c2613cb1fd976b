"""Look-ups of digests from a file beside `hfind -f`: present and absent ones, few and many in a call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hashmatch.bench import ours, peers
from hashmatch.bench.benchmark import Benchmark, LeftOut, Workbench
from hashmatch.bench.listfiles import absent, md5_list, present
from hashmatch.bench.measuring import measure
from hashmatch.bench.parts.imports import linking

_ENTRIES: Final = 10_000_000
_MOST: Final = 1_000_000


def benchmarks(bench: Workbench) -> Iterator[Benchmark]:
    """Yield one, a thousand and a million digests a call, all present and all absent."""
    entries = bench.count(_ENTRIES)
    bench.say(f"making a list of {entries:,} MD5")
    source = md5_list(bench.place / f"list-{entries}.md5", entries)
    store = ours.store(bench, source, f"list-{entries}")
    index = bench.place / "index-lookup" / "list"
    unindexed = _index(bench, source, index)
    # Few are few at every scale; a million need a list of some size.
    most = min(entries, max(2_000, bench.count(_MOST)))
    for kind in ("present", "absent"):
        for name, count in (("one", 1), ("thousand", 1_000), ("most", most)):
            digests = present(entries, count) if kind == "present" else absent(count)
            expected = count if kind == "present" else 0
            asked = bench.place / f"asked-{kind}-{name}"
            asked.write_text("".join(f"{digest}\n" for digest in digests))
            yield Benchmark(
                key=f"lookup/{kind}/{name}",
                title=f"look-up of {count:,} {kind} in {entries:,}, one call",
                items=count,
                unit="digests",
                size=0,
                programs=(
                    ours.looking_up(bench, store, asked, expected),
                    unindexed or peers.hfind(index, asked, expected),
                ),
            )


def _index(bench: Workbench, source: Path, index: Path) -> LeftOut | None:
    """Make hfind's index; return why it cannot be asked, where that is so."""
    program = peers.hfind_index(index, linking(source, index.parent))
    if isinstance(program, LeftOut):
        return LeftOut("hfind -f", program.reason)
    bench.say("making the index for hfind")
    problem = measure(program, bench.place).problem
    return LeftOut("hfind -f", f"its index failed: {problem}") if problem else None
