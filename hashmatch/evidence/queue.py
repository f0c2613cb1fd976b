"""Reading batches of a walk through an engine that takes many of them at a time."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import NamedTuple

from hashmatch.evidence.reader import EvidenceReader, left_out, unopened
from hashmatch.evidence.streams import find_streams, stream_result, stream_rules, unlisted
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import FileQueue, FileResult, ReadRules


class Answered(NamedTuple):
    """Results of a batch, or of a part of one.

    Attributes:
        owner: the batch's ticket.
        asked: so many results, the first ones, are of names that were asked for; behind them are their streams'.
    """

    owner: int
    asked: int
    results: list[FileResult]


class _Part:
    """Names that were given to the engine together.

    Attributes:
        owner: the ticket the caller knows them by.
        asked: how many of `held` are of names that were asked for.
        held: results that wait for those still missing: a file's own is given together with those of its streams.
        missing: names that have no result yet.
        owed: their hashes added up. An engine that answered one name twice for another would still have answered all.
    """

    __slots__ = ("asked", "files", "held", "missing", "owed", "owner", "rules")

    def __init__(self, owner: int, files: Files, rules: ReadRules, asked: int, held: list[FileResult]) -> None:
        self.owner = owner
        self.files = files
        self.rules = rules
        self.asked = asked
        self.held = held
        self.missing = len(files.names)
        self.owed = sum(map(hash, files.names))

    def received(self, results: list[FileResult]) -> bool:
        """Take note of results; tell whether they are right as far as can be told."""
        self.missing -= len(results)
        self.owed -= sum(hash(result.name) for result in results)
        return self.missing > 0 or (self.missing == 0 and self.owed == 0)


class EvidenceQueue:
    """Takes batches, gives results. Used by one thread; closing it closes the engine and the reader.

    Every name has one result, and on NTFS the streams of a file have theirs behind it, in the same answer.
    """

    def __init__(self, reader: EvidenceReader, engine: FileQueue) -> None:
        self._reader = reader
        self._engine = engine
        self._parts: dict[int, _Part] = {}
        self._tickets = count()
        self._ready: list[Answered] = []

    @property
    def description(self) -> str:
        """The engine's name and version."""
        return self._engine.description

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far, of files that are still being read too."""
        return self._engine.bytes_read

    def submit(self, owner: int, files: Files, rules: ReadRules) -> None:
        """Queue a batch; its results come under the ticket `owner`, in one answer or several.

        Raises:
            OSError: this process ran out of descriptors or memory.
        """
        if files.streams:
            self._submit(_Part(owner, files, stream_rules(rules), len(files.names), []))
        else:
            self._submit(_Part(owner, files, rules, 0, []))

    def take(self, wanted: int, seconds: float) -> list[Answered]:
        """Return what is ready once `wanted` files are done, or all are, or that time is over.

        Raises:
            OSError: this process ran out of descriptors or memory.
            HashmatchError: the engine has left out a file.
        """
        for ticket, results in self._engine.take(0 if self._ready else wanted, seconds):
            self._taken(ticket, results)
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> None:
        """End the engine's threads; what is still queued has no results."""
        self._engine.close()
        self._reader.close()

    def _submit(self, part: _Part) -> None:
        with ExitStack() as stack:
            try:
                directory, rules = stack.enter_context(self._reader.opened(part.files.directory, part.rules))
            except OSError as error:
                failed = unopened(part.files.names, error)
                self._ready.append(Answered(part.owner, part.asked or len(failed), [*part.held, *failed]))
                return
            ticket = next(self._tickets)
            self._engine.submit(ticket, directory, part.files.names, rules)
            self._parts[ticket] = part

    def _taken(self, ticket: int, results: list[FileResult]) -> None:
        part = self._parts[ticket]
        if not part.received(results):
            raise left_out(self.description)
        if not part.missing:
            del self._parts[ticket]
        if part.files.streams:
            part.held += map(stream_result, results)
            if not part.missing:
                self._ready.append(Answered(part.owner, part.asked, part.held))
        elif self._reader.ntfs:
            self._go_on_to_streams(part, results)
        else:
            self._ready.append(Answered(part.owner, len(results), results))

    def _go_on_to_streams(self, part: _Part, results: list[FileResult]) -> None:
        asked = len(results)
        streams: list[bytes] = []
        with ExitStack() as stack:
            try:
                directory, _ = stack.enter_context(self._reader.opened(part.files.directory, part.rules))
            except OSError as error:
                results += unlisted(results, error)
            else:
                streams, failed = find_streams(directory, results)
                results += failed
        if streams:
            files = Files(part.files.directory, tuple(streams), streams=True)
            self._submit(_Part(part.owner, files, stream_rules(part.rules), asked, results))
        else:
            self._ready.append(Answered(part.owner, asked, results))
