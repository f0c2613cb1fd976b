"""The native engine's queue: whatever the sizes, threads and reads, every file gets its own digests, once."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS
from hashmatch.hashing.engine import FileResult, ReadRules
from hashmatch.hashing.native import READ_SIZE, NativeEngine, is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="needs a C compiler")

ALL = ReadRules(ALL_ALGORITHMS)


def write(folder: Path, sizes: list[int]) -> dict[bytes, tuple[bytes, ...]]:
    """Make a file of each size; return what hashlib says of them."""
    folder.mkdir(parents=True)
    expected = {}
    for number, size in enumerate(sizes):
        content = random.Random(f"{number},{size}").randbytes(size)
        (folder / str(number)).write_bytes(content)
        digests = tuple(hashlib.new(a.label, content).digest() for a in ALL_ALGORITHMS) if size else ()
        expected[b"%d" % number] = digests
    return expected


def read(folder: Path, names: list[bytes], threads: int, read_size: int = READ_SIZE) -> list[FileResult]:
    directory = os.open(folder, os.O_RDONLY)
    try:
        with closing(NativeEngine(ALL, threads, read_size)) as engine:
            results = engine.digest_files(directory, names, ALL)
            assert engine.bytes_read == sum(result.bytes_read for result in results)
            return results
    finally:
        os.close(directory)


def check(folder: Path, sizes: list[int], threads: int, read_size: int = READ_SIZE) -> None:
    expected = write(folder, sizes)
    results = read(folder, list(expected), threads, read_size)
    assert {result.name: result.digests for result in results} == expected
    assert [result.bytes_read for result in results] == sizes
    assert not [result for result in results if result.failure]


SIZES = st.integers(0, 700) | st.sampled_from([2**16 + n for n in range(-65, 66)]) | st.integers(0, 300_000)


@given(
    sizes=st.lists(SIZES, min_size=1, max_size=60),
    threads=st.integers(1, 3),
    read_size=st.sampled_from([64, 128, 4096, READ_SIZE]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_sizes_side_by_side(tmp_path: Path, sizes: list[int], threads: int, read_size: int) -> None:
    """Lanes refill at every boundary, and no file gets another's digests."""
    folder = tmp_path / "files"
    check(folder, sizes, threads, read_size)
    shutil.rmtree(folder)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 20])
def test_large_files_are_shared_between_threads(tmp_path: Path, count: int, threads: int) -> None:
    """Few large files go round the threads, several are handed over, many fill the lanes; their digests stay theirs."""
    check(tmp_path / "files", [5_000_000 + 777_777 * (number % 5) + number for number in range(count)], threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_files_among_many_small_ones(tmp_path: Path, threads: int) -> None:
    """What is shared while nothing waits is finished although new files keep coming."""
    chance = random.Random(5)
    sizes = [6_000_000, *(chance.randrange(40_000) for _ in range(600)), 9_000_001, 4_500_000]
    check(tmp_path / "files", sizes, threads)


def test_many_batches_at_a_time(tmp_path: Path) -> None:
    """Results come under the ticket of their batch, in parts; a directory may be closed once its batch is queued."""
    batches = {number: [number * 100, 70_000 + number, number % 3] for number in range(50)}
    expected = {number: write(tmp_path / str(number), sizes) for number, sizes in batches.items()}
    found: dict[int, dict[bytes, tuple[bytes, ...]]] = {number: {} for number in batches}
    with closing(NativeEngine(ALL, threads=2)) as engine:
        for number in batches:
            directory = os.open(tmp_path / str(number), os.O_RDONLY)
            engine.submit(number, directory, list(expected[number]), ALL)
            os.close(directory)
        missing = sum(map(len, batches.values()))
        while missing:
            for ticket, results in engine.take(10, 1.0):
                missing -= len(results)
                for result in results:
                    assert found[ticket].setdefault(result.name, result.digests) is result.digests
    assert found == expected


def cached(path: Path) -> bool:
    """Tell whether any page of a file is in the page cache, without touching one (mincore(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        pages = (ctypes.c_ubyte * -(-len(mapped) // mmap.PAGESIZE))()
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(mapped)), pages) == 0
        return any(page & 1 for page in pages)


def drop(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def test_page_cache_keeps_what_it_had_and_no_more(tmp_path: Path) -> None:
    """A scan leaves in memory what was there before it, not what it read itself."""
    sizes = [100_000 + number for number in range(60)] + [40 << 20]
    cold = {b"%d" % number for number in (*range(0, 60, 2), 60)}
    found = []
    # The kernel gives no promise for a page: another reader, or want of memory, may decide otherwise now and then.
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        expected = write(folder, sizes)
        for name in cold:
            drop(folder / os.fsdecode(name))
        before = {name for name in expected if cached(folder / os.fsdecode(name))}
        if cold <= before:
            pytest.skip("this file system is in memory")
        results = read(folder, list(expected), threads=2)
        assert {result.name: result.digests for result in results} == expected
        after = {name for name in expected if cached(folder / os.fsdecode(name))}
        if before == after == set(expected) - cold:
            return
        found.append((sorted(before), sorted(after)))
    pytest.fail(f"in memory before and after: {found}")


def test_closing_drops_what_is_queued(tmp_path: Path) -> None:
    """The end comes at once, whatever is under way, and leaves no descriptor and no thread behind."""
    write(tmp_path / "files", [9_000_000 + number for number in range(30)])
    for wait in (0.0, 0.005, 0.02):
        descriptors, threads_before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        directory = os.open(tmp_path / "files", os.O_RDONLY)
        engine = NativeEngine(ALL, threads=2)
        engine.submit(0, directory, [b"%d" % number for number in range(30)], ALL)
        os.close(directory)
        engine.take(1, wait)
        engine.close()
        assert len(os.listdir("/proc/self/fd")) == descriptors
        # A thread that has been joined is in the listing until the kernel has taken it apart.
        deadline = time.monotonic() + 30
        while len(os.listdir("/proc/self/task")) > threads_before and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(os.listdir("/proc/self/task")) <= threads_before
        with pytest.raises(ValueError, match="closed"):
            engine.take(1, 0.0)


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    with closing(NativeEngine(ALL)) as engine:
        yield engine


def test_nothing_queued_is_nothing_to_take(engine: NativeEngine, tmp_path: Path) -> None:
    """An empty queue answers at once, an empty batch adds nothing to it."""
    directory = os.open(tmp_path, os.O_RDONLY)
    engine.submit(0, directory, [], ALL)
    os.close(directory)
    began = time.monotonic()
    assert engine.take(1, 60.0) == []
    assert time.monotonic() - began < 30


def test_a_second_taker_is_refused(engine: NativeEngine, tmp_path: Path) -> None:
    """Two threads cannot take from one engine; neither can one close it under the other."""
    write(tmp_path / "files", [100 << 20])
    directory = os.open(tmp_path / "files", os.O_RDONLY)
    engine.submit(0, directory, [b"0"], ALL)
    os.close(directory)
    taken: list[object] = []
    other = threading.Thread(target=lambda: taken.extend(engine.take(1, 60.0)))
    other.start()
    while not engine.bytes_read:
        time.sleep(0.001)
    with pytest.raises(RuntimeError, match="another thread"):
        engine.take(1, 0.0)
    other.join()
    assert len(taken) == 1


@pytest.mark.parametrize("names", [(b"a\0b",), ("text",), (b"a", 3)])
def test_names_are_bytes_without_nul(engine: NativeEngine, tmp_path: Path, names: tuple[object, ...]) -> None:
    """What cannot be a name is refused when it is queued."""
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises((ValueError, TypeError)):
            engine.submit(0, directory, names, ALL)  # type: ignore[arg-type]
    finally:
        os.close(directory)
