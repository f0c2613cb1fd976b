"""How time and memory of hashmatch grow with the number of files and of entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hashmatch.bench import corpora, ours
from hashmatch.bench.benchmark import Benchmark, Workbench
from hashmatch.bench.listfiles import full_list, md5_list
from hashmatch.bench.parts.hashing import THREE
from hashmatch.bench.parts.imports import read

_FILES: Final = (10_000, 100_000)
_ENTRIES: Final = (1_000_000, 10_000_000)
# Four gigabytes of short files; ten minutes and six gigabytes of lists.
_BIG_FILES: Final = 1_000_000
_BIG_ENTRIES: Final = 50_000_000
_PLANTED: Final = 1_000  # one file in so many stands on the list


def benchmarks(bench: Workbench) -> Iterator[Benchmark]:
    """Yield scans of more and more files, then imports of more and more entries, each once."""
    for full in (*_FILES, _BIG_FILES) if bench.big else _FILES:
        if bench.wants(f"growth/files/{full}"):
            yield _scan(bench, full)
    for full in (*_ENTRIES, _BIG_ENTRIES) if bench.big else _ENTRIES:
        if bench.wants(f"growth/entries/{full}"):
            yield _import(bench, full)


def _scan(bench: Workbench, full: int) -> Benchmark:
    files = bench.count(full)
    bench.say(f"making corpus growth: {files:,} files")
    tree = corpora.growth(files).make(bench.place)
    planted = tree.digests(_PLANTED)
    store = ours.store(bench, full_list(bench.place / f"growth-{files}.csv", planted), f"growth-{files}")
    return Benchmark(
        key=f"growth/files/{full}",
        title=f"growth: scan of {files:,} short files",
        items=files,
        unit="files",
        size=tree.size,
        programs=ours.scans(bench, tree.root, store, THREE, len(planted))[:1],
        runs=1,
        warm=tree.read,
    )


def _import(bench: Workbench, full: int) -> Benchmark:
    entries = bench.count(full)
    bench.say(f"making a list of {entries:,} MD5")
    source = md5_list(bench.place / f"list-{entries}.md5", entries)
    return Benchmark(
        key=f"growth/entries/{full}",
        title=f"growth: import of {entries:,} MD5",
        items=entries,
        unit="entries",
        size=source.stat().st_size,
        programs=(ours.importing(bench, source),),
        runs=1,
        warm=lambda: read(source),
    )
