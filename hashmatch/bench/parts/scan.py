"""A whole scan with a long list, beside `md5deep -m`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hashmatch.bench import ours, peers
from hashmatch.bench.benchmark import Benchmark, Workbench
from hashmatch.bench.corpora import SMALL
from hashmatch.bench.listfiles import md5_list

_ENTRIES: Final = 10_000_000
_EVERY: Final = 10  # one file in so many stands on the list


def benchmarks(bench: Workbench) -> Iterator[Benchmark]:
    """Yield the small corpus with a list of ten million MD5."""
    bench.say("making corpus small and a list")
    tree = SMALL.scaled(bench.scale).make(bench.place)
    planted = [digests[0] for digests in tree.digests(_EVERY)]
    entries = bench.count(_ENTRIES)
    source = md5_list(bench.place / f"planted-{entries}.md5", entries, planted)
    store = ours.store(bench, source, f"planted-{entries}")
    mine = ours.scans(bench, tree.root, store, "md5", len(planted))
    yield Benchmark(
        key="scan/small/long-list",
        title=f"small, list of {entries:,} MD5: {tree.files:,} files",
        items=tree.files,
        unit="files",
        size=tree.size,
        programs=(*mine, peers.md5deep(tree, source, len(planted))),
        warm=tree.read,
    )
