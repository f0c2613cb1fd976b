"""What holds an engine to its contract: a result for every file, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hashmatch.digests import Algorithm
from hashmatch.errors import HashmatchError
from hashmatch.evidence.queue import EvidenceQueue
from hashmatch.evidence.reader import EvidenceReader
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import FileResult, ReadRules, Ticketed
from hashmatch.hashing.portable import PortableEngine

NAMES = (b"a", b"b", b"c")
RULES = ReadRules((Algorithm.SHA256,))


class Careless(PortableEngine):
    """An engine whose results something happens to."""

    def __init__(self, change: Callable[[list[FileResult]], list[FileResult]]) -> None:
        super().__init__()
        self._change = change

    def digest_files(self, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
        return self._change(super().digest_files(directory, names, rules))


class CarelessQueue:
    """An engine that takes many batches, done when they are queued, whose results something happens to."""

    description = "careless"
    bytes_read = 0

    def __init__(self, change: Callable[[list[FileResult]], list[FileResult]]) -> None:
        self._engine = Careless(change)
        self._done: list[Ticketed] = []

    def submit(self, ticket: int, directory: int, names: Sequence[bytes], rules: ReadRules) -> None:
        self._done.append((ticket, self._engine.digest_files(directory, names, rules)))

    def take(self, wanted: int, seconds: float) -> list[Ticketed]:  # noqa: ARG002 - all is done at once
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """It has no threads."""


def as_they_are(results: list[FileResult]) -> list[FileResult]:
    return results


def backwards(results: list[FileResult]) -> list[FileResult]:
    return results[::-1]


def one_twice(results: list[FileResult]) -> list[FileResult]:
    return [results[0], results[0], results[2]]


def one_more(results: list[FileResult]) -> list[FileResult]:
    return [*results, results[0]]


def last_left_out(results: list[FileResult]) -> list[FileResult]:
    return results[:-1]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[EvidenceReader]:
    for name in NAMES:
        (tmp_path / name.decode()).write_bytes(name)
    status = tmp_path.stat()
    with EvidenceReader(os.fsencode(tmp_path), (status.st_dev, status.st_ino)) as opened:
        yield opened


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("change", [last_left_out, backwards, one_twice])
def test_files_that_an_engine_leaves_out_stop_the_scan(
    change: Callable[[list[FileResult]], list[FileResult]], streams: bool, reader: EvidenceReader
) -> None:
    """No file is without a result, and none gets another one's."""
    assert len(reader.examine(PortableEngine(), Files(b"", NAMES, streams), RULES)) == len(NAMES)
    with pytest.raises(HashmatchError, match="one result for each file"):
        reader.examine(Careless(change), Files(b"", NAMES, streams), RULES)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("change", [one_twice, one_more])
def test_files_that_a_queue_leaves_out_stop_the_scan(
    change: Callable[[list[FileResult]], list[FileResult]], streams: bool, reader: EvidenceReader
) -> None:
    """Results may come in any order, but each file has one; were there too few, the queue would not be empty."""
    for sound in (as_they_are, backwards):
        queue = EvidenceQueue(reader, CarelessQueue(sound))
        queue.submit(1, Files(b"", NAMES, streams), RULES)
        assert [(answer.owner, answer.asked) for answer in queue.take(3, 1.0)] == [(1, len(NAMES))]
    queue = EvidenceQueue(reader, CarelessQueue(change))
    queue.submit(1, Files(b"", NAMES, streams), RULES)
    with pytest.raises(HashmatchError, match="one result for each file"):
        queue.take(3, 1.0)
