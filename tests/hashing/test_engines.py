"""Both engines: right digests, and for every file that spoils it the right reason."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.hashing.engine import Engine, FileResult, ReadRules
from hashmatch.hashing.native import READ_SIZE, NativeEngine, is_available
from hashmatch.hashing.portable import CHUNK, PortableEngine
from hashmatch.outcomes import FailureReason
from tests.evidence.mounting import as_nobody, needs, needs_root

ALL = ReadRules(ALL_ALGORITHMS)
SIZES = (*range(1, 601), CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17)

# RFC 1321 A.5 and FIPS 180-4's examples.
VECTORS = {
    b"abc": (
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
        "8215ef0796a20bcaaae116d3876c664a",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    b"a" * 1_000_000: (
        "7707d6ae4e027c70eea2a935c2296f21",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ),
}


ENGINES = (
    "portable",
    pytest.param("native", marks=pytest.mark.skipif(not is_available(), reason="needs a C compiler")),
)


def open_engine(kind: str, rules: ReadRules = ALL) -> Engine:
    return NativeEngine(rules, threads=2) if kind == "native" else PortableEngine()


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(kind: str) -> Iterator[Engine]:
    engine = open_engine(kind)
    yield engine
    if isinstance(engine, NativeEngine):
        engine.close()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def digest(engine: Engine, directory: int, name: bytes, rules: ReadRules = ALL) -> FileResult:
    (result,) = engine.digest_files(directory, [name], rules)
    assert result.name == name
    return result


def test_vectors(engine: Engine, tmp_path: Path, directory: int) -> None:
    """The digests of the standards' own examples."""
    for content, expected in VECTORS.items():
        (tmp_path / "f").write_bytes(content)
        assert tuple(octets.hex() for octets in digest(engine, directory, b"f").digests) == expected


@needs("md5sum", "sha1sum", "sha256sum")
def test_agrees_with_coreutils_at_block_and_chunk_boundaries(engine: Engine, tmp_path: Path, directory: int) -> None:
    """Sizes at which padding or reading could go wrong by one give what md5sum and its kin give."""
    names = [str(size) for size in SIZES]
    for size in SIZES:
        (tmp_path / str(size)).write_bytes(random.Random(size).randbytes(size))
    results = engine.digest_files(directory, [os.fsencode(name) for name in names], ALL)
    for position, algorithm in enumerate(ALL_ALGORITHMS):
        program = [f"{algorithm.label}sum", *names]
        lines = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
        assert [line.split()[0] for line in lines] == [result.digests[position].hex() for result in results]
    assert [result.bytes_read for result in results] == list(SIZES) == [result.size for result in results]


def test_choice_of_algorithms(kind: str, tmp_path: Path, directory: int) -> None:
    """Only the digests asked for, in the order of their algorithms."""
    (tmp_path / "f").write_bytes(b"abc")
    expected = dict(zip(ALL_ALGORITHMS, map(bytes.fromhex, VECTORS[b"abc"]), strict=True))
    for count in (1, 2, 3):
        for algorithms in combinations(ALL_ALGORITHMS, count):
            rules = ReadRules(algorithms)
            engine = open_engine(kind, rules)
            assert digest(engine, directory, b"f", rules).digests == tuple(expected[a] for a in algorithms)


@pytest.mark.parametrize("algorithms", [(), (Algorithm.SHA1, Algorithm.MD5), (Algorithm.MD5, Algorithm.MD5)])
def test_rules_name_algorithms_once_and_in_order(algorithms: tuple[Algorithm, ...]) -> None:
    """Digests are told apart by their places, so that there is one order only."""
    with pytest.raises(ValueError, match="ascending"):
        ReadRules(algorithms)


def test_facts_of_a_file(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A result carries what fstat said."""
    (tmp_path / "f").write_bytes(b"x" * 5000)
    result, status = digest(engine, directory, b"f"), (tmp_path / "f").stat()
    assert (result.size, result.inode, result.device) == (5000, status.st_ino, status.st_dev)
    assert result.allocated == status.st_blocks * 512
    assert (result.failure, result.errno, result.offset, result.deferred) == (None, None, None, False)


def test_empty_file_has_no_digests_and_no_failure(engine: Engine, tmp_path: Path, directory: int) -> None:
    """An empty file was read to its end, and has nothing to look up."""
    (tmp_path / "f").touch()
    result = digest(engine, directory, b"f")
    assert (result.failure, result.digests, result.size, result.bytes_read) == (None, (), 0, 0)


@given(name=st.binary(min_size=1, max_size=255).filter(lambda n: not {0, 0x2F} & set(n) and n not in (b".", b"..")))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_name(engine: Engine, tmp_path: Path, name: bytes) -> None:
    """Names are bytes; those that are no text are opened like others."""
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(b"abc")
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        assert digest(engine, directory, name).digests[0].hex() == VECTORS[b"abc"][0]
    finally:
        os.close(directory)
        os.unlink(path)


def test_vanished(engine: Engine, directory: int) -> None:
    """A name that is gone is a result of its own."""
    result = digest(engine, directory, b"gone")
    assert (result.failure, result.errno) == (FailureReason.VANISHED, errno.ENOENT)


@pytest.mark.parametrize("kind", ["fifo", "symlink", "dangling", "directory", "socket"])
def test_swapped_since_the_walk(engine: Engine, tmp_path: Path, directory: int, kind: str) -> None:
    """What is no longer a regular file is unstable; nothing hangs, and no link is followed."""
    (tmp_path / "real").write_bytes(b"abc")
    match kind:
        case "fifo":
            os.mkfifo(tmp_path / "f")
        case "symlink":
            (tmp_path / "f").symlink_to("real")
        case "dangling":
            (tmp_path / "f").symlink_to("nowhere")
        case "directory":
            (tmp_path / "f").mkdir()
        case _:
            bind_socket(tmp_path / "f")
    result = digest(engine, directory, b"f")
    assert (result.failure, result.digests, result.bytes_read) == (FailureReason.UNSTABLE, (), 0)


def bind_socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@needs_root
def test_permission_denied(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file that may not be opened is open_failed with EACCES."""
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "f").chmod(0)
    with as_nobody():
        result = digest(engine, directory, b"f")
    assert (result.failure, result.errno) == (FailureReason.OPEN_FAILED, errno.EACCES)


@needs_root
def test_noatime_refused_is_said(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A reader who does not own the file cannot ask for O_NOATIME: the file is read, and the risk recorded."""
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_bytes(b"abc")
    with as_nobody():
        result = digest(engine, directory, b"f")
    assert (result.failure, result.atime_risked) == (None, True)


def test_access_time_is_kept(engine: Engine, tmp_path: Path, directory: int) -> None:
    """Reading an old file of one's own on a writable mount leaves its times as they were."""
    (tmp_path / "f").write_bytes(b"abc")
    os.utime(tmp_path / "f", ns=(10**18, 10**18 + 5))
    before = (tmp_path / "f").stat()
    assert not digest(engine, directory, b"f").atime_risked
    after = (tmp_path / "f").stat()
    assert (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_atime_ns,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def test_several_names_are_deferred_when_asked(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A hard-linked file is put off unread under `defer_links`, and read without it."""
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "g").hardlink_to(tmp_path / "f")
    (tmp_path / "single").write_bytes(b"abc")
    rules = ReadRules(ALL_ALGORITHMS, defer_links=True)
    f, single = engine.digest_files(directory, [b"f", b"single"], rules)
    assert (f.deferred, f.digests, f.failure, f.bytes_read) == (True, (), None, 0)
    assert (single.deferred, len(single.digests)) == (False, 3)
    assert not digest(engine, directory, b"g").deferred


def test_another_device_is_refused(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file on another device than the rules allow is not read."""
    (tmp_path / "f").write_bytes(b"abc")
    device = (tmp_path / "f").stat().st_dev
    result = digest(engine, directory, b"f", ReadRules(ALL_ALGORITHMS, device=device + 1))
    assert (result.failure, result.errno, result.bytes_read) == (FailureReason.UNSTABLE, errno.EXDEV, 0)
    assert digest(engine, directory, b"f", ReadRules(ALL_ALGORITHMS, device=device)).failure is None


def test_budget(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A sparse file of 8 TiB is left unread at once; one of exactly the budget is read."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(8 << 40)
    (tmp_path / "fits").write_bytes(bytes(1000))
    rules = ReadRules(ALL_ALGORITHMS, max_bytes=1000)
    huge, fits = engine.digest_files(directory, [b"huge", b"fits"], rules)
    assert (huge.failure, huge.size, huge.bytes_read) == (FailureReason.BUDGET, 8 << 40, 0)
    assert huge.allocated < 1 << 20
    assert fits.failure is None


def pseudo_files(expected: FailureReason) -> tuple[str, str]:
    if expected is FailureReason.PARTIAL:
        return "/sys/kernel", "uevent_seqnum"
    return "/proc/self", "status"


@pytest.mark.parametrize("expected", [FailureReason.PARTIAL, FailureReason.UNSTABLE])
def test_sizes_that_lie(engine: Engine, expected: FailureReason) -> None:
    """sysfs promises a page and gives less: partial. procfs promises nothing and gives more: unstable."""
    parent, name = pseudo_files(expected)
    if not os.path.exists(f"{parent}/{name}"):
        pytest.skip(f"needs {parent}/{name}")
    directory = os.open(parent, os.O_RDONLY)
    try:
        result = digest(engine, directory, os.fsencode(name))
    finally:
        os.close(directory)
    assert (result.failure, result.digests) == (expected, ())
    assert result.bytes_read > 0
    assert result.offset == (result.bytes_read if expected is FailureReason.PARTIAL else None)


def when_being_read(engine: Engine, path: Path, action: Callable[[], object]) -> threading.Thread:
    """Start a thread that acts once this process has read some of a file."""

    def wait() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if (engine.bytes_read if isinstance(engine, NativeEngine) else position_in(path)) > 0:
                action()
                return

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def position_in(path: Path) -> int:
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == str(path):
                return int(Path(f"/proc/self/fdinfo/{number}").read_text().split()[1])
        except OSError:
            continue
    return 0


def test_truncated_while_being_read(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file that shrinks under the reader is unstable, whatever was read of it."""
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    thread = when_being_read(engine, path, lambda: os.truncate(path, 1 << 20))
    result = digest(engine, directory, b"f")
    thread.join()
    assert (result.failure, result.digests) == (FailureReason.UNSTABLE, ())
    assert 0 < result.bytes_read < 1 << 30


def test_growing_file_is_not_read_for_ever(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file that grows under the reader is unstable, and is left at the size it had."""
    path = tmp_path / "f"
    size = 256 << 20
    with path.open("wb") as file:
        file.truncate(size)
    thread = when_being_read(engine, path, lambda: os.truncate(path, 8 << 40))
    result = digest(engine, directory, b"f")
    thread.join()
    assert (result.failure, result.digests, result.size) == (FailureReason.UNSTABLE, (), size)
    assert size < result.bytes_read <= size + CHUNK


def test_rewritten_while_being_read(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file whose content changes in place keeps its size; its times give it away."""
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(256 << 20)

    def rewrite() -> None:
        with path.open("r+b") as file:
            file.write(b"changed")

    thread = when_being_read(engine, path, rewrite)
    result = digest(engine, directory, b"f")
    thread.join()
    assert (result.failure, result.digests, result.bytes_read) == (FailureReason.UNSTABLE, (), 256 << 20)


READ_TWO = """
import os, sys
from hashmatch.digests import ALL_ALGORITHMS
from tests.hashing.test_engines import open_engine, ALL
directory = os.open(sys.argv[1], os.O_RDONLY)
for r in open_engine(sys.argv[2]).digest_files(directory, [b"f", b"g"], ALL):
    print(r.failure, r.errno, r.offset, r.bytes_read, len(r.digests))
"""


@needs("strace")
@pytest.mark.parametrize(
    ("kind", "call", "nth", "offset"),
    [
        ("portable", "read", 1, 0),
        ("portable", "readv", 1, CHUNK),
        ("portable", "readv", 3, 3 * CHUNK),
        ("native", "preadv2", 1, 0),
        ("native", "preadv2", 4, 3 * READ_SIZE),
        ("native", "preadv2", 13, 3 * CHUNK),
    ],
)
def test_read_error_has_its_place(tmp_path: Path, kind: str, call: str, nth: int, offset: int) -> None:
    """EIO at a read, the one at the end included: read_failed with errno and offset, and the next file is read."""
    if kind == "native" and not is_available():
        pytest.skip("needs a C compiler")
    (tmp_path / "f").write_bytes(bytes(3 * CHUNK))
    (tmp_path / "g").write_bytes(b"abc")
    inject = f"inject={call}:error=EIO:when={nth}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(tmp_path / "f"), "-e", f"trace={call}", "-e", inject]
    done = subprocess.run(
        [*command, sys.executable, "-c", READ_TWO, str(tmp_path), kind], capture_output=True, text=True, check=False
    )
    if "ptrace" in done.stderr:
        pytest.skip("needs ptrace")
    failed, sound = done.stdout.splitlines()
    assert failed == f"read_failed {errno.EIO} {offset} {offset} 0"
    assert sound == "None None None 3 3"


@pytest.mark.parametrize("room", [None, 1])
def test_running_out_of_descriptors_is_raised(engine: Engine, tmp_path: Path, directory: int, room: int | None) -> None:
    """EMFILE is this process's trouble, so it is no result of a sound file."""
    (tmp_path / "f").write_bytes(b"abc")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit, taken = 0, []
    if room is not None:
        # All numbers are taken but those that the native engine needs for its own descriptor of the directory.
        taken = [os.dup(directory) for _ in range(5)]
        limit = max(taken) + 1
        for _ in range(room if isinstance(engine, NativeEngine) else 0):
            os.close(taken.pop())
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            digest(engine, directory, b"f")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)
    assert caught.value.errno == errno.EMFILE


def test_no_descriptor_is_left_open(engine: Engine, tmp_path: Path, directory: int) -> None:
    """Failures close what they opened."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "f").write_bytes(b"abc")
    before = len(os.listdir("/proc/self/fd"))
    engine.digest_files(directory, [b"f", b"gone", b"fifo"] * 20, ReadRules(ALL_ALGORITHMS, max_bytes=1))
    assert len(os.listdir("/proc/self/fd")) == before


@given(
    sizes=st.sets(st.integers(0, 40) | st.integers(2**63, 2**64 - 1), max_size=30),
    present=st.lists(st.integers(0, 40), max_size=20),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_files_of_other_sizes_are_not_read(engine: Engine, tmp_path: Path, sizes: set[int], present: list[int]) -> None:
    """Exactly the files that are not empty and whose size is not among the given ones; all else is as without."""
    root = tmp_path / "sized"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    names = [b"%d" % number for number in range(len(present))]
    for name, size in zip(names, present, strict=True):
        (root / name.decode()).write_bytes(b"x" * size)
    directory = os.open(root, os.O_RDONLY)
    try:
        everything = engine.digest_files(directory, names, ALL)
        rules = replace(ALL, sizes=array("Q", sorted(sizes)).tobytes())
        for read, result in zip(everything, engine.digest_files(directory, names, rules), strict=True):
            unlisted = read.size not in sizes | {0}
            assert result == (read._replace(digests=(), bytes_read=0, unlisted_size=True) if unlisted else read)
    finally:
        os.close(directory)


def test_sizes_come_after_every_other_reason(engine: Engine, tmp_path: Path, directory: int) -> None:
    """A file that is no regular one, is elsewhere, too large, or has several names keeps the result it has."""
    none = replace(ALL, sizes=b"")
    (tmp_path / "f").write_bytes(b"abc")
    os.link(tmp_path / "f", tmp_path / "g")
    os.mkfifo(tmp_path / "fifo")
    assert digest(engine, directory, b"f", none).unlisted_size
    assert digest(engine, directory, b"fifo", none).failure is FailureReason.UNSTABLE
    assert digest(engine, directory, b"gone", none).failure is FailureReason.VANISHED
    assert digest(engine, directory, b"f", replace(none, device=1)).errno == errno.EXDEV
    assert digest(engine, directory, b"f", replace(none, max_bytes=2)).failure is FailureReason.BUDGET
    deferred = digest(engine, directory, b"f", replace(none, defer_links=True))
    assert (deferred.deferred, deferred.unlisted_size) == (True, False)


def test_description() -> None:
    """Reports name the implementation and the library's version, or what the processor runs."""
    assert PortableEngine().description.startswith("portable (hashlib, OpenSSL ")
    if is_available():
        assert open_engine("native").description.startswith("native (")
