"""What a scan costs beside reading and hashing: `python -m benchmarks.parent [TREE] [--copies N]`.

The tree is walked, and everything else is done as in a scan, but nothing is read: a stand-in gives results made up
beforehand, and every n-th file, or none, is found in a list without a store being asked. So these are seconds of
processor time of the scan's own work alone. They say nothing of hashing, of look-ups, or of how long a scan takes.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashmatch.bench.corpora import SMALL
from hashmatch.digests import Algorithm
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.source import inspect_source
from hashmatch.evidence.tree import Entry, Files, walk
from hashmatch.hashing.engine import FileResult
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.hashlists.postings import Posting
from hashmatch.reports.report import write_findings
from hashmatch.scan.batch import Answer, Batch
from hashmatch.scan.examination import Examination
from hashmatch.scan.journal import Journal
from hashmatch.scan.later import Later
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.links import HardLinks
from hashmatch.scan.paths import one_entry_a_path
from hashmatch.scan.request import ScanProgress

_DIGESTS = 4096  # made up; more would only fill the processor's cache


@dataclass(frozen=True)
class MadeUpList:
    """A stand-in for a list."""

    list_id: str = "made-up"
    release: str = "1"
    list_type: ListType = ListType.KNOWN
    authority: str = "nobody"
    signature: str = "unsigned"
    generation: str = "000001"
    content_root: str = "0" * 64
    entries: int = 1
    imported: str = ""
    categories: Sequence[Category | None] = (None,)
    entry_masks: frozenset[int] = frozenset({Algorithm.MD5.bit})


class MadeUpSnapshot:
    """A stand-in for a snapshot: of every batch each n-th file is listed, or none."""

    snapshot_id = "0" * 64
    lists = (MadeUpList(),)
    algorithms = (Algorithm.MD5,)

    def __init__(self, every: int) -> None:
        self._every = every

    def find(self, algorithm: Algorithm, _digest: bytes) -> Sequence[tuple[int, Posting]]:
        return ((0, Posting(1, algorithm.bit, 0, None)),)

    def candidates(self, _algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        return range(0, len(digests), self._every) if self._every else ()

    def sizes(self) -> bytes:
        return b""

    def check_canaries(self) -> None:
        """Nothing is known to be there."""


class MadeUpResults:
    """A stand-in for a pool of readers: has the results of every batch ready."""

    bytes_read = 0

    def __init__(self, found: Sequence[Files]) -> None:
        chance = [(os.urandom(16),) for _ in range(_DIGESTS)]
        self._ready = {
            files.names: [_result(name, chance[n % _DIGESTS]) for n, name in enumerate(files.names)] for files in found
        }

    def engine(self) -> str:
        return "none"

    def examine(self, batches: Iterator[Batch], stopped: Callable[[], bool]) -> Iterator[Answer]:
        for batch in batches:
            if stopped():
                return
            yield batch, self._ready[batch.names]


def _result(name: bytes, digests: tuple[bytes, ...]) -> FileResult:
    size = 9_000 + len(name)
    return FileResult(name, None, digests, size, 1, 1, size, None, None, False, False, 12_288)


def main() -> None:
    """Time each step for a tree, once or as often as asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("tree", type=Path, nargs="?", help="[the small corpus]")
    options.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()), help="where the corpus is made")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--copies", type=int, default=1, help="pretend that the tree is there so often")
    options.add_argument("--listed-every", type=int, default=0, metavar="N", help="every n-th file is listed [none]")
    chosen = options.parse_args()
    tree = chosen.tree or SMALL.make(chosen.place).root
    for _ in range(chosen.runs):
        with tempfile.TemporaryDirectory(dir=chosen.place) as output:
            _run(tree, Path(output), chosen.copies, MadeUpSnapshot(chosen.listed_every))


def _run(tree: Path, output: Path, copies: int, snapshot: MadeUpSnapshot) -> None:
    source = inspect_source(tree)
    root = open_root(os.fsencode(tree))
    found = list(walk(root))
    pool = MadeUpResults([each for each in found if isinstance(each, Files)])
    entries = sum(len(each.names) if isinstance(each, Files) else 1 for each in found)
    gc.collect()
    gc.freeze()  # what was made up must not be looked through again and again
    seconds: dict[str, float] = {}
    with _timed(seconds, "walk"):
        walked = sum(1 for _ in walk(root))
    assert walked == len(found)
    with Journal.begin(output, {}) as journal:
        ledger = Ledger(journal, snapshot, snapshot.algorithms)
        with _timed(seconds, "walk and enter"), Later(output) as later, HardLinks(output) as links:
            for copy in range(copies):
                examination = Examination(source, ledger, later, links, pool, _never, _silent)
                examination.run(walk(root) if copies == 1 else _moved(found, b"copy %d/" % copy))
        with _timed(seconds, "report"):
            write_findings(
                output, one_entry_a_path(journal.findings()), snapshot.lists, snapshot.snapshot_id, len(journal)
            )
    os.close(root)
    gc.unfreeze()
    figures = ", ".join(f"{step} {taken:.3f} s" for step, taken in seconds.items())
    each = (seconds["walk and enter"] + seconds["report"]) / (entries * copies) * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{entries * copies:,} entries: {figures}; {each:.2f} us an entry; peak {peak:.0f} MiB\n")


def _moved(found: Sequence[Files | Entry], place: bytes) -> Iterator[Files | Entry]:
    for each in found:
        if isinstance(each, Files):
            yield each._replace(directory=place + each.directory)
        else:
            yield each._replace(path=place + each.path)


def _never() -> bool:
    return False


def _silent(_: ScanProgress) -> None:
    pass


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.process_time()
    yield
    seconds[step] = time.process_time() - begun


if __name__ == "__main__":
    main()
