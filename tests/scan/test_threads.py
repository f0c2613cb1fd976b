"""Reading through the native engine's threads: every name once, answers while the walk goes on, an end when asked."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.evidence.queue import EvidenceQueue
from hashmatch.evidence.reader import EvidenceReader
from hashmatch.hashing.engine import ReadRules
from hashmatch.hashing.native import NativeEngine, is_available
from hashmatch.scan.batch import NOTHING_YET, Batch
from hashmatch.scan.threads import EngineThreads

pytestmark = pytest.mark.skipif(not is_available(), reason="needs a C compiler")

RULES = ReadRules(ALL_ALGORITHMS)


def open_threads(root: Path) -> EngineThreads:
    status = root.stat()
    reader = EvidenceReader(os.fsencode(root), (status.st_dev, status.st_ino))
    rules = {defer: dataclasses.replace(RULES, defer_links=defer) for defer in (False, True)}
    return EngineThreads(EvidenceQueue(reader, NativeEngine(RULES, threads=2)), rules)


def never() -> bool:
    return False


def batches_of(root: Path, directories: int, files: int) -> list[Batch]:
    batches = []
    for number in range(directories):
        (root / str(number)).mkdir()
        names = tuple(b"%d" % name for name in range(files))
        for name in names:
            (root / str(number) / name.decode()).write_bytes(b"%d-%b" % (number, name))
        batches.append(Batch(b"%d" % number, names, streams=False, defer_links=True))
    return batches


def test_every_name_of_many_batches_has_one_result(tmp_path: Path) -> None:
    """More directories and files than are under way at a time: none is lost, none done twice."""
    batches = batches_of(tmp_path, 300, 20)
    seen: dict[tuple[bytes, bytes], int] = {}
    with open_threads(tmp_path) as threads:
        for batch, results in threads.examine(iter(batches), never):
            assert [result.name for result in results] == list(batch.names)
            for result in results:
                assert len(result.digests) == 3
                seen[batch.directory, result.name] = seen.get((batch.directory, result.name), 0) + 1
        assert threads.bytes_read == sum(len(b"%b-%b" % key) for key in seen)
    assert seen == {(batch.directory, name): 1 for batch in batches for name in batch.names}


def test_answers_come_while_the_walk_has_nothing_new(tmp_path: Path) -> None:
    """A first match is known when it is found, not when the walk has gone through everything else."""
    first, last = batches_of(tmp_path, 2, 3)
    answered: list[bytes] = []

    def walk() -> Iterator[Batch]:
        yield first
        deadline = time.monotonic() + 60
        while not answered and time.monotonic() < deadline:
            yield NOTHING_YET
        yield last

    with open_threads(tmp_path) as threads:
        before = None
        for batch, results in threads.examine(walk(), never):
            before = before or batch.directory
            answered.extend(result.name for result in results)
    assert before == first.directory
    assert len(answered) == 6


def test_a_stop_ends_it_although_more_is_waiting(tmp_path: Path) -> None:
    """Once stopped no further batch is asked for, and what is under way is answered or dropped."""
    batches = batches_of(tmp_path, 50, 10)
    given: list[Batch] = []

    def walk() -> Iterator[Batch]:
        while True:
            for batch in batches:
                given.append(batch)
                yield batch

    with open_threads(tmp_path) as threads:
        answers: list[Batch] = []
        for batch, _ in threads.examine(walk(), lambda: len(answers) > 20):
            answers.append(batch)
    assert len(answers) > 20
    assert len(given) < 10_000


def test_a_lost_directory_is_answered(tmp_path: Path) -> None:
    """A directory that is gone when its batch comes up costs its own files and no others."""
    batches = batches_of(tmp_path, 3, 2)
    gone = Batch(b"gone", (b"a", b"b"), streams=False, defer_links=True)
    with open_threads(tmp_path) as threads:
        found = {
            (batch.directory, result.name): str(result.failure)
            for batch, results in threads.examine(iter([batches[0], gone, *batches[1:]]), never)
            for result in results
        }
    assert {key: failure for key, failure in found.items() if failure != "None"} == {
        (b"gone", b"a"): "vanished",
        (b"gone", b"b"): "vanished",
    }
    assert len(found) == 8
