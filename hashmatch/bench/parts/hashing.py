"""Whole scans with a short list, beside tools that only hash, by corpus and by set of algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hashmatch.bench import ours, peers
from hashmatch.bench.benchmark import Benchmark, LeftOut, Workbench
from hashmatch.bench.corpora import MIXED, SMALL, Tree, large
from hashmatch.bench.listfiles import full_list
from hashmatch.bench.measuring import Program

THREE: Final = "md5,sha1,sha256"
_PLANTED: Final = 1_000  # one file in so many stands on the list


def benchmarks(bench: Workbench) -> Iterator[Benchmark]:
    """Yield three corpora, each with all three algorithms, MD5 alone and SHA-256 alone."""
    for corpus in (SMALL.scaled(bench.scale), MIXED.scaled(bench.scale), large(bench.scale)):
        if not bench.wants(f"hashing/{corpus.name}"):
            continue
        bench.say(f"making corpus {corpus.name}: {corpus.files:,} files")
        tree = corpus.make(bench.place)
        planted = tree.digests(_PLANTED)
        source = full_list(bench.place / f"{corpus.name}.csv", planted)
        store = ours.store(bench, source, f"{corpus.name}-{corpus.files}")
        for algorithms in (THREE, "md5", "sha256"):
            mine = ours.scans(bench, tree.root, store, algorithms, len(planted))
            yield Benchmark(
                key=f"hashing/{corpus.name}/{algorithms.replace(',', '+')}",
                title=f"{corpus.name}, {algorithms.replace(',', ' ')}: {tree.files:,} files",
                items=tree.files,
                unit="files",
                size=tree.size,
                programs=(*mine, *_peers(bench, tree, algorithms)),
                warm=tree.read,
            )


def _peers(bench: Workbench, tree: Tree, algorithms: str) -> tuple[Program | LeftOut, ...]:
    if algorithms == THREE:
        return (
            peers.hashdeep(bench, tree, algorithms),
            peers.rhash(tree, algorithms),
            peers.hashlib_processes(bench, tree, algorithms),
            peers.cat(tree),
        )
    return (peers.sums(bench, tree, f"{algorithms}sum"), peers.cat(tree))
