"""What hashlib says, and which native kernels can be tried here."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import pytest

from hashmatch.digests import ALL_ALGORITHMS, algorithms_in, mask_of
from hashmatch.hashing import streams

ALL = mask_of(ALL_ALGORITHMS)
SETS = range(1, ALL + 1)
native = pytest.mark.skipif(not streams.NATIVE, reason="the native extension is not built")


def kernels() -> list[str]:
    """Return the names of the kernels this processor runs; one that says why, where the extension is not built."""
    if not streams.NATIVE:
        return ["none"]
    from hashmatch.hashing import _native

    return list(_native.kernels())


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
    """Use one kernel for a while."""
    from hashmatch.hashing import _native

    before = _native.kernel()
    _native.use_kernel(name)
    try:
        yield
    finally:
        _native.use_kernel(before)


def digests(algorithms: int, content: bytes) -> tuple[bytes, ...]:
    return tuple(hashlib.new(a.label, content).digest() for a in algorithms_in(algorithms))
