"""Every kernel gives hashlib's digests, whatever the sizes, the algorithms and the number of lanes in use."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.hashing import streams
from hashmatch.selftest import PUBLISHED
from tests.hashing.expected import ALL, SETS, digests, kernels, native, using

if streams.NATIVE:
    from hashmatch.hashing import _native

pytestmark = native

LANES = 16
each_kernel = pytest.mark.parametrize("kernel", kernels())
CONTENT = random.Random(1).randbytes(1 << 20)


def piece(size: int, at: int = 0) -> bytes:
    return CONTENT[at : at + size]


def assert_right(algorithms: int, contents: list[bytes]) -> None:
    assert _native.digest_buffers(algorithms, contents) == [digests(algorithms, content) for content in contents]


@each_kernel
def test_published_digests(kernel: str) -> None:
    """The messages of RFC 1321 and FIPS 180-4 have the digests published with them."""
    with using(kernel):
        found = _native.digest_buffers(ALL, list(PUBLISHED))
    assert [tuple(digest.hex() for digest in of_one) for of_one in found] == list(PUBLISHED.values())


@each_kernel
def test_every_size_to_1024(kernel: str) -> None:
    """Wherever a message ends in its block, the padding is right: alone, and among others."""
    contents = [piece(size, size) for size in range(1025)]
    with using(kernel):
        for content in contents:
            assert_right(ALL, [content])
        for algorithms in SETS:
            assert_right(algorithms, contents)


@each_kernel
@pytest.mark.parametrize("algorithms", SETS)
def test_any_number_of_lanes(kernel: str, algorithms: int) -> None:
    """From one stream to three for each lane, of equal and of growing lengths, every stream has its own digests."""
    with using(kernel):
        for count in range(1, 3 * LANES + 2):
            assert_right(algorithms, [piece(640, n) for n in range(count)])
            assert_right(algorithms, [piece(100 * n, n) for n in range(count)])


@each_kernel
def test_sizes_around_blocks(kernel: str) -> None:
    """Sizes one off a whole number of blocks go side by side without touching each other."""
    sizes = [64 * blocks + off for blocks in (1, 2, 15, 16, 17, 255, 256, 1024) for off in (-9, -8, -1, 0, 1)]
    with using(kernel):
        assert_right(ALL, [piece(size, size % 7) for size in sizes])


@each_kernel
@settings(max_examples=40, deadline=None)
@given(
    algorithms=st.sampled_from(SETS),
    spans=st.lists(st.tuples(st.integers(0, 1000), st.one_of(st.integers(0, 300), st.integers(0, 9000))), max_size=60),
)
def test_random_batches(kernel: str, algorithms: int, spans: list[tuple[int, int]]) -> None:
    """Batches of any sizes from any addresses, and any set of algorithms, are right."""
    with using(kernel):
        assert_right(algorithms, [piece(size, at) for at, size in spans])


def test_any_buffer() -> None:
    """Whatever has bytes end to end is taken; what has not is refused."""
    plain = piece(1000)
    mapped = memoryview(bytearray(plain))
    alike: list[bytes | bytearray | memoryview] = [plain, bytearray(plain), mapped]
    assert _native.digest_buffers(ALL, iter(alike)) == [digests(ALL, plain)] * 3
    assert _native.digest_buffers(ALL, []) == []
    with pytest.raises(BufferError):
        _native.digest_buffers(ALL, [plain, mapped[::2]])
    mapped.release()
    with pytest.raises(ValueError, match="released"):
        _native.digest_buffers(ALL, [mapped])
    with pytest.raises(TypeError, match="bytes-like"):
        _native.digest_buffers(ALL, ["text"])  # type: ignore[list-item]


def test_buffers_are_let_go() -> None:
    """A buffer can be resized after the call, also after one that failed."""
    content = bytearray(1000)
    _native.digest_buffers(ALL, [content])
    with pytest.raises(TypeError):
        _native.digest_buffers(ALL, [content, None])  # type: ignore[list-item]
    content.extend(b"more")


@pytest.mark.parametrize("algorithms", [0, 8, 1 << 40, -1, 1 << 80])
def test_unknown_algorithms(algorithms: int) -> None:
    """A set that names no algorithm, or an unknown one, is refused."""
    with pytest.raises((ValueError, OverflowError)):
        _native.digest_buffers(algorithms, [])


def test_unknown_kernel() -> None:
    """A kernel that this processor does not run is refused by name, and the one in use stays."""
    before = _native.kernel()
    with pytest.raises(ValueError, match="no kernel named 'abacus'"):
        _native.use_kernel("abacus")
    assert _native.kernel() == before == _native.kernels()[0]
    assert _native.kernels()[-2:] == ("generic", "scalar")
