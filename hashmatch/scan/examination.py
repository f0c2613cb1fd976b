"""The part of a scan in which evidence is read: from the walk to the last finding in the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hashmatch.errors import HashmatchError
from hashmatch.evidence.source import SourceFacts
from hashmatch.evidence.tree import Entry, Files
from hashmatch.hashing.engine import FileResult
from hashmatch.scan.batch import NOTHING_YET, Answer, Batch
from hashmatch.scan.later import Later
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.links import HardLinks
from hashmatch.scan.pools import Pool
from hashmatch.scan.request import Progress, ScanProgress

if TYPE_CHECKING:
    from hashmatch.scan.resuming import Resumption

_EVERY: Final = 0.1  # seconds between two words of progress


class Examination:
    """Feeds the walk to the workers and enters what comes back. Used once, by one thread."""

    def __init__(
        self,
        source: SourceFacts,
        ledger: Ledger,
        later: Later,
        links: HardLinks,
        pool: Pool,
        stopped: Callable[[], bool],
        progress: Progress,
        resumption: Resumption | None = None,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._later = later
        self._links = links
        self._pool = pool
        self._stopped = stopped
        self._progress = progress
        self._resumption = resumption
        self._walked = False
        self._said = 0.0

    def run(self, walk: Iterator[Files | Entry]) -> bool:
        """Examine everything the walk gives; return whether it was stopped before the end.

        Raises:
            AssertionError: it was not stopped, and yet entries that were listed have no finding.
            OutputUnusable: the journal cannot be written.
            HashmatchError: this process or a worker cannot go on.
        """
        with _ours():
            for batch, results in self._examine(self._batches(walk)):
                self._enter(batch, results)
                self._say()
            # Once stopped, the pool may still owe answers that have nothing to do with links.
            if not self._stopped():
                for _ in self._links.read(self._examine, self._ledger):
                    self._say()
                self._links.enter(self._ledger)
        self._say(now=True)
        reached_all = self._walked and not self._ledger.not_reached
        if not reached_all and not self._stopped():
            raise AssertionError(f"{self._ledger.not_reached} of {self._ledger.listed} listed entries have no finding")
        return not reached_all

    def _examine(self, batches: Iterator[Batch]) -> Iterator[Answer]:
        return self._pool.examine(batches, self._stopped)

    def _batches(self, walk: Iterator[Files | Entry]) -> Iterator[Batch]:
        """Yield the files of the walk for reading; what it has settled by itself is entered in passing."""
        listed = self._counted(walk)
        for found in self._resumption.rest(listed) if self._resumption else listed:
            if self._stopped():
                return
            if isinstance(found, Entry):
                self._ledger.enter_entry(found)
            elif found and not found.later:
                yield _batch(found)
            else:
                if found:
                    self._later.put_off(found)
                if self._say():
                    yield NOTHING_YET
        self._walked = True
        for found in self._later.files():
            if self._stopped():
                return
            yield _batch(found)

    def _counted(self, walk: Iterator[Files | Entry]) -> Iterator[Files | Entry]:
        for found in walk:
            if isinstance(found, Files):
                self._ledger.listed += len(found.names)
            yield found

    def _enter(self, batch: Batch, results: list[FileResult]) -> None:
        prefix = batch.directory + b"/" if batch.directory else b""
        asked = len(batch.names)
        # Behind the results that were asked for stand those of alternate streams that were found on the way.
        self._ledger.listed += len(results) - asked
        read = [result for result in results[:asked] if not result.deferred]
        if len(read) < asked:
            for result in results[:asked]:
                if result.deferred:
                    self._links.put_off(prefix + result.name, result)
        self._ledger.enter_batch(prefix, read, is_stream=batch.streams)
        if len(results) > asked:
            self._ledger.enter_batch(prefix, results[asked:], is_stream=True)

    def _say(self, *, now: bool = False) -> bool:
        """Report progress, unless that was done a moment ago; tell whether it was."""
        clock = time.monotonic()
        if now or clock - self._said >= _EVERY:
            self._said = clock
            whole = self._source.is_mount_root
            self._progress(
                ScanProgress(
                    self._ledger.files,
                    max(self._ledger.bytes_read, self._ledger.bytes_carried + self._pool.bytes_read),
                    self._ledger.matches,
                    self._ledger.listed,
                    self._walked,
                    self._source.used_inodes if whole else 0,
                    self._source.used_bytes if whole else 0,
                    self._ledger.bytes_carried,
                )
            )
            return True
        return False


def _batch(files: Files) -> Batch:
    return Batch(files.directory, files.names, files.streams, defer_links=True)


@contextmanager
def _ours() -> Iterator[None]:
    """Translate what the system says to this process or a worker about itself: no descriptors, no memory."""
    try:
        yield
    except OSError as error:
        raise HashmatchError(f"the scan cannot go on: {error.strerror or error}") from error
