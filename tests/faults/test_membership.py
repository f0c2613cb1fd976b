"""A large list: every listed digest is found, no other is, and taking it in needs little memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from hashlib import shake_128
from itertools import islice
from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.madeup import MD5, command, figures, import_words, snapshot

MEMORY_LIMIT = 512 << 20  # bytes
_PART = 100_000  # digests made at once


def made_up(name: str, count: int) -> Iterator[bytes]:
    for part in range(0, count, _PART):
        octets = shake_128(f"{name} {part}".encode()).digest(16 * min(_PART, count - part))
        yield from (octets[at : at + 16] for at in range(0, len(octets), 16))


def write(path: Path, count: int) -> Path:
    """Write what md5sum would: a digest, two blanks, a name."""
    with path.open("w") as file:
        file.writelines(f"{digest.hex()}  file {n}\n" for n, digest in enumerate(made_up("listed", count)))
    return path


def memory_of(process: int) -> int:
    """Return what a process and its descendants use, in bytes; pages they share are counted once (PSS)."""
    total = 0
    for member in [process, *descendants(process)]:
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


def descendants(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = [int(word) for word in children.read_text().split()]
        except OSError:
            continue
        for child in found:
            yield child
            yield from descendants(child)


@pytest.mark.parametrize(
    ("listed", "asked"), [(100_000, 20_000), pytest.param(10_000_000, 1_000_000, marks=pytest.mark.slow)]
)
def test_membership(settings: Settings, tmp_path: Path, listed: int, asked: int) -> None:
    """Present digests spread over the whole list: no miss; absent ones: no hit; memory below its limit."""
    path = write(tmp_path / "list", listed)
    began = time.monotonic()
    process = subprocess.Popen(command(settings, *import_words(path)), stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.05)
    took = time.monotonic() - began
    assert process.returncode == 0
    step = listed // asked
    misses = hits = 0
    with snapshot(settings) as known:
        for at, digest in zip(
            range(1, listed + 1, step), islice(made_up("listed", listed), 0, None, step), strict=True
        ):
            found = known.find(MD5, digest)
            misses += [posting.ordinal for _, posting in found] != [at]
        for digest in made_up("absent", asked):
            hits += bool(known.find(MD5, digest))
    figures(
        f"membership: {listed:,} listed in {took:.1f} s, peak {peak / 2**20:.0f} MiB; "
        f"{asked:,} present: {misses} missed; {asked:,} absent: {hits} hit"
    )
    assert (misses, hits) == (0, 0)
    assert 20 << 20 < peak < MEMORY_LIMIT
