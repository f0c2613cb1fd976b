"""What the native module does with bytes in memory, done with hashlib: the same names, the same results.

Algorithms are a set written as an integer, one `Algorithm.bit` each; digests come in the order of those bits.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, final

from hashmatch.digests import ALL_ALGORITHMS, algorithms_in, mask_of
from hashmatch.hashing import openssl

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@final
class Stream:
    """Digests of bytes that come in pieces.

    Used by one thread at a time: hashlib would keep each digest whole, but two pieces could go into one digest in one
    order and into another in the other.

    Raises:
        ValueError: no algorithm, or an unknown one.
    """

    __slots__ = ("_lock", "_running")

    def __init__(self, algorithms: int) -> None:
        if not 1 <= algorithms <= mask_of(ALL_ALGORITHMS):
            raise ValueError(f"expected a set of algorithms from 1 to {mask_of(ALL_ALGORITHMS)}, got {algorithms}")
        self._running = [hashlib.new(a.label, usedforsecurity=False) for a in algorithms_in(algorithms)]
        self._lock = threading.Lock()

    def update(self, buffer: ReadableBuffer, /) -> None:
        """Take the next bytes.

        Raises:
            RuntimeError: another thread is in this stream.
        """
        with self.entered():
            self.feed(buffer)

    def digests(self) -> tuple[bytes, ...]:
        """Return the digests of the bytes so far; more may follow."""
        with self.entered():
            return tuple(running.digest() for running in self._running)

    def feed(self, buffer: ReadableBuffer) -> None:
        """Take the next bytes of a stream that was entered."""
        for running in self._running:
            running.update(buffer)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Keep every other thread out."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("a stream is in use: by another thread, or twice in one call")
        try:
            yield
        finally:
            self._lock.release()


def update_streams(streams: Iterable[Stream], buffers: Iterable[ReadableBuffer], /) -> None:
    """Give every stream its next bytes, or none of them where this raises.

    Raises:
        ValueError: there are more or fewer buffers than streams.
        RuntimeError: a stream is given twice, or another thread is in it.
    """
    fed, pieces = tuple(streams), tuple(memoryview(buffer) for buffer in buffers)
    if len(fed) != len(pieces):
        raise ValueError(f"expected a buffer for each of {len(fed)} streams, got {len(pieces)}")
    with contextlib.ExitStack() as stack:
        for stream in fed:
            stack.enter_context(stream.entered())
        for stream, piece in zip(fed, pieces, strict=True):
            stream.feed(piece)


def digest_buffers(algorithms: int, buffers: Iterable[ReadableBuffer], /) -> list[tuple[bytes, ...]]:
    """Return the digests of each buffer.

    Raises:
        ValueError: no algorithm, or an unknown one.
    """
    results = []
    for buffer in buffers:
        stream = Stream(algorithms)
        stream.feed(buffer)
        results.append(stream.digests())
    return results


def description() -> str:
    """Name and version, for reports."""
    return f"hashlib, {openssl.SHORT}"
