"""The pool: every file has its result once, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import HashmatchError
from hashmatch.outcomes import FailureReason
from hashmatch.scan.batch import Batch
from hashmatch.scan.loads import Loads, files_in, one_by_one
from hashmatch.scan.worker import Examiner
from hashmatch.scan.workers import WorkerPool
from tests.scan.crashing import Crashing, DiesAtStart


def batch(*names: bytes) -> Batch:
    return Batch(b"d", names, streams=False, defer_links=True)


def never() -> bool:
    return False


def examine(
    opener: Callable[[], Examiner], batches: Iterable[Batch], workers: int = 2, stopped: Callable[[], bool] = never
) -> dict[bytes, FailureReason | None]:
    with WorkerPool(workers, opener) as pool:
        results = [r for _, answer in pool.examine(iter(batches), stopped) for r in answer]
    assert max(Counter(r.name for r in results).values(), default=1) == 1
    return {r.name: r.failure for r in results}


def test_every_file_has_one_result(tmp_path: Path) -> None:
    """Nothing is lost or done twice between many batches and two workers."""
    batches = [batch(*(b"%d-%d" % (n, m) for m in range(n % 7 + 1))) for n in range(200)]
    results = examine(Crashing(tmp_path), batches)
    assert set(results) == {name for each in batches for name in each.names}
    assert set(results.values()) == {None}


@pytest.mark.parametrize("workers", [1, 2])
def test_only_the_file_that_kills_is_given_up(tmp_path: Path, workers: int) -> None:
    """SIGKILL, a memory fault: the neighbours in the batch are examined all the same."""
    batches = [batch(*(b"%s%d-%d" % (kind, n, m) for m, kind in enumerate(KINDS))) for n in range(2)]
    results = examine(Crashing(tmp_path), batches, workers)
    crashed = {name for name, failure in results.items() if failure is FailureReason.WORKER_CRASHED}
    assert crashed == {name for name in results if name.startswith((b"kill", b"fault"))}
    assert len(results) == 2 * len(KINDS)


KINDS = (b"a", b"kill", b"b", b"once", b"c", b"fault", b"d")


def test_a_worker_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    """The batch it was at is done again, and no file is given up."""
    batches = [batch(*(b"%d-%d" % (n, m) for m in range(20))) for n in range(20)]
    with WorkerPool(2, Crashing(tmp_path, sleep=0.002)) as pool:
        names = []
        for number, (_, results) in enumerate(pool.examine(iter(batches), never)):
            names += [r.name for r in results if r.failure is None]
            busy = [w.process.pid or 0 for w in pool._workers if w.ready and w.loads]
            if number in (3, 9) and busy:
                os.kill(busy[0], signal.SIGKILL)
        # Both signals may have met one worker before its end was noticed.
        assert pool.crashes in (1, 2)
    assert Counter(names) == Counter(name for each in batches for name in each.names)


def test_what_is_our_own_fault_stops_the_scan(tmp_path: Path) -> None:
    """A worker out of descriptors says nothing about the evidence; its error reaches the caller."""
    with pytest.raises(OSError, match="Too many open files"):
        examine(Crashing(tmp_path), [batch(b"a"), batch(b"starve"), batch(b"b")])


def test_workers_that_cannot_start_are_an_error() -> None:
    """They are not replaced for ever, and no file is blamed."""
    with pytest.raises(HashmatchError, match="exit code 7"):
        examine(DiesAtStart(), [batch(b"a")], workers=1)


def test_a_stopped_pool_takes_nothing_new_and_does_not_wait(tmp_path: Path) -> None:
    """What is under way is waited for briefly; a worker that hangs is ended."""
    given_out: list[Batch] = []

    def supply() -> Iterable[Batch]:
        for number in range(1000):
            given_out.append(batch(b"hang%d" % number))
            yield given_out[-1]

    begun = time.monotonic()
    assert examine(Crashing(tmp_path), supply(), stopped=lambda: len(given_out) > 20) == {}
    assert time.monotonic() - begun < 10
    assert len(given_out) < 100


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves no process behind."""
    child = os.fork()
    if child == 0:
        pool = WorkerPool(2, Crashing(tmp_path))
        pool.engine()
        (tmp_path / "pids").write_text(" ".join(str(w.process.pid) for w in pool._workers))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(_alive(pid) for pid in pids):
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@given(st.lists(st.integers(1, 40), max_size=30), st.lists(st.floats(0, 10), max_size=30))
def test_loads_hold_every_name_once_and_in_order(sizes: list[int], times: list[float]) -> None:
    """However long loads take, cutting and gathering loses nothing."""
    batches = [batch(*(b"%d-%d" % (n, m) for m in range(size))) for n, size in enumerate(sizes)]
    loads, measured, names = Loads(iter(batches)), iter(times), []
    while load := loads.take():
        assert all(each.names for each in load)
        assert len(one_by_one(load)) == files_in(load)
        names += [name for each in load for name in each.names]
        loads.measured(files_in(load), next(measured, 0.0))
    assert names == [name for each in batches for name in each.names]


def test_slow_files_travel_alone() -> None:
    """A directory of large files is spread over the workers."""
    loads = Loads(iter([batch(*(b"%d" % n for n in range(100)))]))
    loads.measured(files_in(loads.take()), 20.0)
    assert files_in(loads.take()) == 1
