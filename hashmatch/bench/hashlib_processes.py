"""A peer to measure against: N Python processes, each with every N-th file, `hashlib`, and nothing else.

Run as a script: `hashlib_processes.py PROCESSES ALGORITHM,... DIRECTORY`. One line a file, as md5sum writes it. This is
what a lab would write itself in an afternoon; what hashmatch does beyond must not cost more than it.
"""

import hashlib
import multiprocessing
import os
import sys


def digest_all(paths: list[str], algorithms: list[str]) -> str:
    """Return a line for each file: its digests and its name."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    lines = []
    for path in paths:
        states = [hashlib.new(name) for name in algorithms]
        with open(path, "rb", buffering=0) as file:
            while size := file.readinto(buffer):
                for state in states:
                    state.update(view[:size])
        lines.append(" ".join(state.hexdigest() for state in states) + f"  {path}\n")
    return "".join(lines)


def main() -> None:
    """Share the files out and write what comes back."""
    processes, algorithms = int(sys.argv[1]), sys.argv[2].split(",")
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[3]) for name in names]
    shares = [(paths[n::processes], algorithms) for n in range(processes)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for lines in pool.starmap(digest_all, shares, chunksize=1):
            sys.stdout.write(lines)


if __name__ == "__main__":
    main()
