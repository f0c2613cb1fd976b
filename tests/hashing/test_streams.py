"""Streams in pieces give the digests of the whole, natively and with hashlib, alone and many at a time."""

from __future__ import annotations

import random
import threading
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.hashing import hashlib_streams, streams
from tests.hashing.expected import ALL, SETS, digests, kernels, native, using

CONTENT = random.Random(2).randbytes(1 << 18)
IMPLEMENTATIONS = [pytest.param(hashlib_streams, id="hashlib"), pytest.param(streams, id="chosen")]
each_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)

# head -c SIZE /dev/zero | md5sum, sha1sum, sha256sum
ZEROS = {
    (1 << 29) + 1: (
        "ea3b62c6b93cb3625a1fd76777985f5a",
        "3e1bb536d18494c32e66ef9f479d65bbe0d863de",
        "7c40fe5ce847740d0f0d0cdde3949d6585804cdec3ae61a15b923165699c8137",
    ),
    (1 << 32) + 1: (
        "f18c798ff5d450dfe4d3acdc12b621ff",
        "e7d747b75f76e0e41e83b75bce4642816136304f",
        "fbb82f7b353676bb562eb82157fcf0ea42c36492ca13ee56dbf82c08b6802c5c",
    ),
}

sizes = st.one_of(st.sampled_from((0, 1, 55, 56, 63, 64, 65, 127, 128)), st.integers(0, 3000))
rounds = st.lists(
    st.lists(st.tuples(st.integers(0, 19), sizes), max_size=20, unique_by=lambda part: part[0]), max_size=8
)


@each_implementation
@settings(max_examples=60, deadline=None)
@given(algorithms=st.lists(st.sampled_from(SETS), min_size=20, max_size=20), rounds=rounds)
def test_random_pieces(implementation: ModuleType, algorithms: list[int], rounds: list[list[tuple[int, int]]]) -> None:
    """Whichever streams get whichever pieces together, each has the digests of its own bytes, at any time."""
    running = [implementation.Stream(mask) for mask in algorithms]
    given_so_far = [b""] * len(running)
    for number, parts in enumerate(rounds):
        pieces = [CONTENT[at + number : at + number + size] for at, size in parts]
        implementation.update_streams([running[at] for at, _ in parts], pieces)
        for (at, _), piece in zip(parts, pieces, strict=True):
            given_so_far[at] += piece
        for stream, mask, content in zip(running, algorithms, given_so_far, strict=True):
            assert stream.digests() == digests(mask, content)


@native
@pytest.mark.parametrize("kernel", kernels())
def test_every_kernel_takes_pieces(kernel: str) -> None:
    """Streams fed together and alone, in pieces of every size around a block, agree with hashlib on every kernel."""
    with using(kernel):
        for count in (1, 2, 3, 5, 9, 16, 17):
            running = [streams.Stream(ALL) for _ in range(count)]
            done = [0] * count
            for size in (1, 62, 1, 64, 65, 127, 1000, 0, 191, 192):
                streams.update_streams(running, [CONTENT[n + done[n] :][: size + n] for n in range(count)])
                done = [so_far + size + n for n, so_far in enumerate(done)]
                running[0].update(CONTENT[done[0] :][:size])
                done[0] += size
            for n, stream in enumerate(running):
                assert stream.digests() == digests(ALL, CONTENT[n : n + done[n]])


@each_implementation
def test_buffers(implementation: ModuleType) -> None:
    """Whole buffers have the same digests from both, in the order of the algorithms."""
    contents = [CONTENT[:size] for size in (0, 1, 64, 1000, 100_000)]
    for mask in SETS:
        assert implementation.digest_buffers(mask, contents) == [digests(mask, content) for content in contents]


@each_implementation
def test_any_bytes_are_taken(implementation: ModuleType) -> None:
    """Anything with bytes end to end can be a piece."""
    stream = implementation.Stream(ALL)
    for piece in (b"ab", bytearray(b"cd"), memoryview(b"ef")):
        stream.update(piece)
    implementation.update_streams(iter([stream]), iter([b"gh"]))
    assert stream.digests() == digests(ALL, b"abcdefgh")


@each_implementation
def test_refusals_change_nothing(implementation: ModuleType) -> None:
    """A stream given twice, a buffer too few and a piece that is no bytes are refused, and no stream takes anything."""
    first, second = implementation.Stream(ALL), implementation.Stream(ALL)
    with pytest.raises(RuntimeError, match="twice"):
        implementation.update_streams([second, first, first], [b"a", b"b", b"c"])
    with pytest.raises(ValueError, match="for each of 2 streams, got 1"):
        implementation.update_streams([first, second], [b"a"])
    with pytest.raises(TypeError):
        implementation.update_streams([first, second], [b"a", "b"])
    with pytest.raises(TypeError):
        first.update("b")
    assert first.digests() == second.digests() == digests(ALL, b"")


@each_implementation
@pytest.mark.parametrize("algorithms", [0, 8, -1])
def test_unknown_algorithms(implementation: ModuleType, algorithms: int) -> None:
    """A set that names no algorithm, or an unknown one, is refused."""
    with pytest.raises((ValueError, OverflowError)):
        implementation.Stream(algorithms)


@native
def test_only_streams_are_streams() -> None:
    """Other objects in place of a stream are refused."""
    with pytest.raises(TypeError, match="expected a Stream, got object"):
        streams.update_streams([object()], [b""])  # type: ignore[list-item]


@each_implementation
def test_two_threads_in_one_stream(implementation: ModuleType) -> None:
    """A stream that another thread is in is refused rather than mixed up: every accepted piece counts whole."""
    stream = implementation.Stream(ALL)
    piece = CONTENT[:100_000]
    accepted = []
    start = threading.Barrier(4)

    def feed() -> None:
        start.wait()
        for _ in range(40):
            try:
                stream.update(piece)
            except RuntimeError:
                continue
            accepted.append(1)

    threads = [threading.Thread(target=feed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.digests() == digests(ALL, piece * len(accepted))


@native
def test_threads_hash_side_by_side() -> None:
    """Threads with streams of their own do not touch each other."""
    found: list[tuple[bytes, ...]] = []

    def digest(at: int) -> None:
        mine = [streams.Stream(ALL) for _ in range(5)]
        for n in range(0, 50_000, 5_000):
            streams.update_streams(mine, [CONTENT[at + n : at + n + 5_000]] * 5)
        found.extend(stream.digests() for stream in mine)

    threads = [threading.Thread(target=digest, args=(at,)) for at in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([digests(ALL, CONTENT[at : at + 50_000]) for at in (0, 1) for _ in range(5)])


def assert_zeros(size: int) -> None:
    stream = streams.Stream(ALL)
    piece = bytes(1 << 20)
    for _ in range(size >> 20):
        stream.update(piece)
    stream.update(bytes(size % len(piece)))
    assert tuple(digest.hex() for digest in stream.digests()) == ZEROS[size]


@native
def test_more_than_2_to_the_32_bits() -> None:
    """The length in the padding has its upper half."""
    assert_zeros((1 << 29) + 1)


@native
@pytest.mark.slow
def test_more_than_2_to_the_32_bytes() -> None:
    """No count of bytes is cut to 32 bits."""
    assert_zeros((1 << 32) + 1)
