"""Every hashing kernel beside hashlib, in memory, on one core: `python -m benchmarks.kernels [KERNEL ...]`.

Prints 10^6 bytes a second of CPU time, the best of many short rounds, for sets of algorithms and numbers of streams
side by side. A lane function takes the same time however many of its lanes are used, so the borders in
`native/choice.c` follow from the columns for 1, 2, 4, 8 and 16 streams.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

from hashmatch.digests import Algorithm, algorithms_in, mask_of
from hashmatch.hashing import _native, hashlib_streams

STREAMS = (1, 2, 3, 4, 5, 8, 12, 16)
SIZE = 32 * 1024  # bytes of a stream: sixteen of them stay in the second-level cache
SETS = (
    (Algorithm.MD5,),
    (Algorithm.SHA1,),
    (Algorithm.SHA256,),
    (Algorithm.SHA1, Algorithm.SHA256),
    (Algorithm.MD5, Algorithm.SHA256),
    (Algorithm.MD5, Algorithm.SHA1),
    (Algorithm.MD5, Algorithm.SHA1, Algorithm.SHA256),
)


def main() -> None:
    """Measure the kernels that were named, or all of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("kernels", nargs="*", default=_native.kernels())
    chosen = options.parse_args()
    print(f"| kernel | algorithms | {' | '.join(map(str, STREAMS))} |\n|---|---|{'---|' * len(STREAMS)}")
    for algorithms in SETS:
        mask = mask_of(algorithms)
        _print("hashlib", mask, chosen.rounds, hashlib_streams.digest_buffers)
        for kernel in chosen.kernels:
            _native.use_kernel(kernel)
            _print(kernel, mask, chosen.rounds, _native.digest_buffers)


def _print(name: str, mask: int, rounds: int, digest: Callable[[int, Sequence[bytes]], object]) -> None:
    figures = (f"{_speed(mask, count, rounds, digest):,.0f}" for count in STREAMS)
    print(f"| {name} | {'+'.join(a.label for a in algorithms_in(mask))} | {' | '.join(figures)} |", flush=True)


def _speed(mask: int, count: int, rounds: int, digest: Callable[[int, Sequence[bytes]], object]) -> float:
    """Return 10^6 bytes a second of CPU time."""
    contents = [os.urandom(SIZE) for _ in range(count)]
    best = float("inf")
    for _ in range(rounds):
        started = time.thread_time_ns()
        digest(mask, contents)
        best = min(best, time.thread_time_ns() - started)
    return SIZE * count * 1000 / best


if __name__ == "__main__":
    main()
