"""The native engine: many files side by side in the lanes of vector registers, on threads that need no GIL.

Reading, hashing and scheduling are in `native/*.c`; see docs/engine.md. Built where there was a C compiler.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hashmatch.digests import mask_of
from hashmatch.hashing.engine import FileResult, ReadRules, Ticketed
from hashmatch.hashing.failures import open_failure, raise_ours
from hashmatch.outcomes import FailureReason

if TYPE_CHECKING:
    from hashmatch.hashing import _native
else:
    try:
        from hashmatch.hashing import _native
    except ImportError:
        _native = None

# Sixteen buffers of this size stay in the second-level cache. 32 to 128 KiB measured alike, 256 KiB a twentieth slower.
READ_SIZE: Final = 64 << 10
# A rotating disk is read in pieces that take longer than the way from one file to the next; 48 may be held at a time.
ROTATING_READ_SIZE: Final = 2 << 20

_CLOSING: Final = 2.0  # seconds for which a thread may hang in a read before it is left behind

# The numbers of `enum failure` in native/source.h.
_OPEN_ERROR: Final = 1
_FAILURES: Final = {
    2: FailureReason.OPEN_FAILED,
    3: FailureReason.READ_FAILED,
    4: FailureReason.PARTIAL,
    5: FailureReason.UNSTABLE,
    6: FailureReason.BUDGET,
}


def is_available() -> bool:
    """Tell whether the native engine was built for this installation."""
    return _native is not None


def description() -> str:
    """Return the engine's name and the kernels this processor runs, for reports."""
    return f"native ({_native.description()})"


class NativeEngine:
    """Implements `Engine` and `FileQueue` of `hashmatch.hashing.engine`.

    Args:
        rules: `algorithms` holds for all files; the rest is given anew with each batch.
        threads: that read and hash.
        read_size: bytes read at a time, a multiple of 64.

    `take` and `digest_files` raise OSError where this process ran out of descriptors or memory (EMFILE, ENFILE,
    ENOMEM); everything else that can happen to a file is a result.
    """

    def __init__(self, rules: ReadRules, threads: int = 1, read_size: int = READ_SIZE) -> None:
        self._algorithms = rules.algorithms
        self._engine = _native.Engine(
            algorithms=mask_of(rules.algorithms),
            threads=threads,
            read_size=read_size,
            result=FileResult,
            explain=_explain,
        )

    @property
    def description(self) -> str:
        """Name, and the kernels this processor runs."""
        return description()

    @property
    def bytes_read(self) -> int:
        """Content bytes read so far, of files that are still being read too."""
        return self._engine.bytes_read

    def submit(self, ticket: int, directory: int, names: Sequence[bytes], rules: ReadRules) -> None:
        """Queue the named files of an open directory, which need not stay open."""
        if rules.algorithms != self._algorithms:
            raise ValueError("expected the algorithms that the engine was made for")
        self._engine.submit(
            ticket, directory, tuple(names), rules.device, rules.defer_links, rules.max_bytes, rules.sizes
        )

    def take(self, wanted: int, seconds: float) -> list[Ticketed]:
        """Wait until `wanted` files are done, or all are, or for that long; return results by their batch's ticket."""
        return self._engine.take(wanted, seconds)

    def digest_files(self, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
        """Read the named files of an open directory once each; one result per name, in order."""
        self.submit(0, directory, names, rules)
        missing = len(names)
        results: dict[bytes, list[FileResult]] = {}
        while missing:
            for _, done in self.take(missing, 1.0):
                missing -= len(done)
                for result in done:
                    results.setdefault(result.name, []).append(result)
        return [results[name].pop() for name in names]

    def close(self) -> None:
        """End the threads; one that hangs in a read for too long is left behind."""
        self._engine.close(_CLOSING)


def _explain(failure: int, number: int) -> FailureReason:
    if failure == _OPEN_ERROR:
        return open_failure(OSError(number, os.strerror(number)))
    raise_ours(number)
    return _FAILURES[failure]
