"""Import of a list beside `hfind -i`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hashmatch.bench import ours, peers
from hashmatch.bench.benchmark import Benchmark, Workbench
from hashmatch.bench.listfiles import md5_list

_ENTRIES: Final = 10_000_000


def benchmarks(bench: Workbench) -> Iterator[Benchmark]:
    """Yield the import of ten million MD5."""
    entries = bench.count(_ENTRIES)
    bench.say(f"making a list of {entries:,} MD5")
    source = md5_list(bench.place / f"list-{entries}.md5", entries)
    folder = bench.place / "index-import"
    yield Benchmark(
        key="import/md5",
        title=f"import of {entries:,} MD5",
        items=entries,
        unit="entries",
        size=source.stat().st_size,
        programs=(
            ours.importing(bench, source),
            peers.hfind_index(folder / "list", linking(source, folder)),
        ),
        warm=lambda: read(source),
    )


def linking(source: Path, folder: Path) -> Callable[[], None]:
    """Return what puts a list into an empty directory as `list`: hfind writes its index beside it."""

    def link() -> None:
        ours.removing(folder)()
        folder.mkdir()
        os.link(source, folder / "list")

    return link


def read(source: Path) -> None:
    """Read a file once."""
    with source.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
