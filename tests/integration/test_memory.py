"""Memory does not grow with the number of files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.evidence.mounting import mounted, needs_mounts
from tests.integration.command import WRITABLE, Desk, Report
from tests.integration.processes import PeakMemory

MEBI: Final = 1 << 20


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system in memory that takes any number of small files."""
    with mounted("none", tmp_path / "disk", "tmpfs", "size=12g,nr_inodes=0") as root:
        yield root


def fill(root: Path, count: int) -> None:
    """Make files of a few bytes, 10,000 to a directory; one in 50 has a second name, one in 100 is empty."""
    for start in range(0, count, 10_000):
        directory = os.open(_made(root / f"{start:07}"), os.O_RDONLY)
        for number in range(start, min(start + 10_000, count)):
            name = f"f{number}"
            file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)
            if number % 100:
                os.write(file, name.encode())
            os.close(file)
            if number % 50 == 0:
                os.link(name, f"l{number}", src_dir_fd=directory, dst_dir_fd=directory)
        os.close(directory)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


def peak(desk: Desk, root: Path, name: str) -> int:
    """Scan a tree; return the peak of what all processes of the scan together take."""
    output = desk.directory / name
    process = desk.start("scan", root, "--output", output, *WRITABLE)
    watch = PeakMemory(process.pid)
    try:
        _, said = process.communicate(timeout=1_800)
    finally:
        reached = watch.stop()
    assert process.returncode == 0, said
    found = subprocess.run(["find", root, "-mindepth", "1", "-printf", "."], capture_output=True, check=True).stdout
    assert Report(output).counts["seen"] == len(found)
    return reached


@needs_mounts
@pytest.mark.parametrize(("few", "many"), [(5_000, 50_000), pytest.param(100_000, 1_000_000, marks=pytest.mark.slow)])
def test_peak_does_not_grow(few: int, many: int, listed: Desk, memory_disk: Path) -> None:
    """A scan of ten times as many files takes less than 40 MiB more, and less than 300 MiB in all."""
    fill(memory_disk / "few", few)
    fill(memory_disk / "many", many)
    peaks = [peak(listed, memory_disk / name, name) for name in ("few", "many")]
    print(f"peak PSS: {few} files {peaks[0] / MEBI:.1f} MiB, {many} files {peaks[1] / MEBI:.1f} MiB")  # noqa: T201
    assert peaks[1] - peaks[0] < 40 * MEBI
    assert max(peaks) < 300 * MEBI
