"""The power fails: what was called imported is there afterwards, what was not leaves the old state or the new.

ext4 and xfs can be told to stop at once without writing anything more, as a machine does that loses its power.
"""

from __future__ import annotations

import fcntl
import os
import random
import struct
import subprocess
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest

from hashmatch.config import Settings
from tests.evidence.mounting import needs, needs_mounts
from tests.madeup import command, digests, figures, import_words, missed

from .harness import NEW, Trial, counted, mounted

SHUTDOWN: Final = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number
NO_LOG_FLUSH: Final = 2
MAKE: Final = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (300, ["mkfs.xfs", "-q", "-f"])}  # MiB, command
LONG_AFTER: Final = 1e9  # seconds; the power fails once the import has ended

file_systems = pytest.mark.parametrize(
    "kind", [pytest.param("ext4", marks=needs("mkfs.ext4")), pytest.param("xfs", marks=needs("mkfs.xfs"))]
)


class Machine:
    """A file system in an image, with a store that has release 1 active, and with an empty place for another."""

    def __init__(self, directory: Path, kind: str) -> None:
        self._directory = directory
        self.trial = Trial(directory / "trial")
        self.took = 0.0  # seconds that the last import ran with power
        self._first = directory / "first.image"
        size, words = MAKE[kind]
        with self._first.open("wb") as image:
            image.truncate(size << 20)
        subprocess.run([*words, str(self._first)], check=True, capture_output=True)
        with mounted(directory / "disk", "-o", "loop", str(self._first)) as disk:
            self.settings = self.trial.fresh(disk / "store")
        self.unmade = Settings(disk / "unmade" / "store", disk / "unmade" / "keys" / "sealing.key")

    def import_and_lose_power(self, settings: Settings, after: float) -> bool:
        """Import release 2 and cut the power after some seconds; tell whether the import said that it was done.

        Leaves the file system as it is found at the next start.
        """
        image = self._directory / "image"
        subprocess.run(["cp", "--sparse=always", str(self._first), str(image)], check=True)
        with mounted(self._directory / "disk", "-o", "loop", str(image)) as disk:
            words = command(settings, *import_words(self.trial.new_list, "made-up", "2", "--workers", "0"))
            began = time.monotonic()
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(min(after, 120))
            except subprocess.TimeoutExpired:
                assert after < LONG_AFTER
            self.took = time.monotonic() - began
            # Only now, as the kernel by itself writes to the disk what has lain in memory for some seconds.
            (disk / "unflushed").write_bytes(os.urandom(100_000))
            cut_power(disk)
            # Where it says so only now, its last flush was done before the cut, and the promise is the same.
            return process.wait() == 0

    def restart(self) -> AbstractContextManager[Path]:
        """Mount the file system after the power came back; its journal is replayed."""
        return mounted(self._directory / "disk", "-o", "loop", str(self._directory / "image"))


def cut_power(disk: Path) -> None:
    descriptor = os.open(disk, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def lost(disk: Path) -> bool:
    """Tell whether a file that nobody flushed is gone or not what was written: the cut was a real one."""
    file = disk / "unflushed"
    return not file.exists() or len(file.read_bytes().strip(b"\0")) < 99_000


@needs_mounts
@file_systems
def test_an_imported_list_outlives_a_power_cut(tmp_path: Path, kind: str) -> None:
    """The power fails the moment an import has returned: the new release is active, whole and verifies."""
    machine = Machine(tmp_path, kind)
    assert machine.import_and_lose_power(machine.settings, LONG_AFTER)
    with machine.restart() as disk:
        assert machine.trial.state(machine.settings) == "new"
        assert lost(disk)


@needs_mounts
@file_systems
def test_the_first_list_and_its_key_outlive_a_power_cut(tmp_path: Path, kind: str) -> None:
    """Store, key and the directories they lie in were all made by the import, and all are there afterwards."""
    machine = Machine(tmp_path, kind)
    assert machine.import_and_lose_power(machine.unmade, LONG_AFTER)
    with machine.restart():
        assert missed(machine.unmade, NEW) == 0
        assert missed(machine.unmade, digests(100, "absent")) == 100


@needs_mounts
@file_systems
@pytest.mark.parametrize("cuts", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_the_power_fails_at_random_moments(tmp_path: Path, kind: str, cuts: int) -> None:
    """Old or new, whole and alone, after every cut; always new where the import had said that it was done."""
    machine = Machine(tmp_path, kind)
    assert machine.import_and_lose_power(machine.settings, LONG_AFTER)
    whole = machine.took
    chance = random.Random(cuts)
    states: Counter[str] = Counter()
    for _ in range(cuts):
        done = machine.import_and_lose_power(machine.settings, chance.uniform(0.2, 1.1) * whole)
        with machine.restart() as disk:
            states["unflushed files lost"] += lost(disk)
            state = machine.trial.state(machine.settings)
            assert state == "new" or not done
            states[f"{state} after done" if done else state] += 1
            machine.trial.goes_on(machine.settings)
    figures(f"power cuts on {kind}: {cuts}, {counted(states)}, 0 mixed, 0 lost after done")
    assert states["unflushed files lost"] == cuts
