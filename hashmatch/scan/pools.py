"""Who reads the evidence of a scan: threads of the native engine, or processes with the portable one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from hashmatch.evidence.queue import EvidenceQueue
from hashmatch.hashing.choice import EngineChoice, use_native
from hashmatch.hashing.native import READ_SIZE, ROTATING_READ_SIZE, NativeEngine
from hashmatch.scan.batch import Answer, Batch
from hashmatch.scan.examiner import OpenEvidence
from hashmatch.scan.threads import EngineThreads

if TYPE_CHECKING:
    from hashmatch.scan.workers import WorkerPool


class Pool(Protocol):
    """Reads batches side by side. Used by one thread."""

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far."""
        ...

    def engine(self) -> str:
        """Return the description of the engine, for the report."""
        ...

    def examine(self, batches: Iterator[Batch], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Yield each batch, or a part of one, with its results, as they come."""
        ...


def open_pool(
    evidence: OpenEvidence, workers: int, choice: EngineChoice, *, rotational: bool
) -> EngineThreads | WorkerPool:
    """Start what reads: `workers` threads of the native engine, or as many processes.

    The portable engine needs processes, as between two blocks of a file it holds the GIL. On a disk that is
    `rotational` the native one reads longer pieces, as it has many files open at a time.

    Raises:
        UsageError: the native engine was asked for, and there is none.
        SourceUnusable: the source is another directory than it was.
    """
    if not use_native(choice):
        # Loaded here, as what it needs of multiprocessing takes longer to load than a small scan takes.
        from hashmatch.scan.workers import WorkerPool

        return WorkerPool(workers, evidence)
    reader = evidence.reader()
    rules = {defer: dataclasses.replace(evidence.rules, defer_links=defer) for defer in (False, True)}
    engine = NativeEngine(evidence.rules, workers, ROTATING_READ_SIZE if rotational else READ_SIZE)
    return EngineThreads(EvidenceQueue(reader, engine), rules)
