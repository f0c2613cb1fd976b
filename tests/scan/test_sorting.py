"""Sorted runs: what goes in comes out in order, and damage never passes for content."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.errors import OutputUnusable
from hashmatch.scan import sorting
from hashmatch.scan.frames import Frames, Kind
from hashmatch.scan.sorting import SortedRuns, grouped


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=200), st.integers(1, 2_000))
def test_gives_back_everything_in_order(items: list[bytes], run_bytes: int) -> None:
    """Whatever the size of a run, the result is the sorted input, duplicates kept, and it can be read twice."""
    with tempfile.TemporaryDirectory() as directory:
        runs = SortedRuns(Frames.create(Path(directory) / "runs"), run_bytes=run_bytes)
        for item in items:
            runs.add(item)
        assert list(runs.merged()) == sorted(items)
        assert list(runs.merged()) == sorted(items)
        assert runs.count == len(items)
        runs.close()


def test_merges_in_several_levels(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More runs than can be read at once are first merged among themselves."""
    monkeypatch.setattr(sorting, "FAN_IN", 3)
    items = [n.to_bytes(4, "big") for n in range(2_000)]
    runs = SortedRuns(Frames.create(path), run_bytes=1_000)
    for item in reversed(items):
        runs.add(item)
    assert list(runs.merged()) == items


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3), max_size=300), st.integers(1, 2_000), st.integers(1, 30))
def test_blocks_of_any_size_are_merged(items: list[bytes], run_bytes: int, block_bytes: int) -> None:
    """Runs of many blocks each, full of equal items, come out in order and whole."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "BLOCK_BYTES", block_bytes)
        patch.setattr(sorting, "FAN_IN", 3)
        runs = SortedRuns(Frames.create(Path(directory) / "runs"), run_bytes=run_bytes)
        runs.extend(items[:100])
        runs.extend(items[100:])
        assert list(runs.merged()) == sorted(items)
        assert runs.count == len(items)
        runs.close()


def test_an_item_longer_than_a_block_comes_back(path: Path) -> None:
    """A path may be as long as the evidence likes."""
    runs = SortedRuns(Frames.create(path), run_bytes=1_000)
    items = [b"b" * 1_000_000, b"a", b"c" * 200_000]
    for item in items:
        runs.add(item)
    assert list(runs.merged()) == sorted(items)


def test_every_damaged_byte_is_noticed(path: Path) -> None:
    """No flipped byte of a run is read as something else."""
    runs = SortedRuns(Frames.create(path), run_bytes=1)
    for item in (b"first", b"second", b"third"):
        runs.add(item)
    assert len(list(runs.merged())) == 3
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(OutputUnusable, match="not what was written"):
            list(runs.merged())
    path.write_bytes(whole)
    assert len(list(runs.merged())) == 3


def test_a_cut_file_is_noticed(path: Path) -> None:
    """An end that has gone is an error, not an earlier end."""
    runs = SortedRuns(Frames.create(path))
    runs.add(b"item")
    runs.flush()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(OutputUnusable):
            list(runs.merged())


def test_is_for_its_owner_and_new(path: Path) -> None:
    """The file is created 0600 and never takes the place of another."""
    SortedRuns(Frames.create(path)).close()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputUnusable):
        SortedRuns(Frames.create(path))


def test_a_full_disk_is_an_error_of_the_output() -> None:
    """`/dev/full` refuses every byte."""
    frames = Frames.existing("/dev/full")
    with pytest.raises(OutputUnusable, match="No space left"):
        frames.append(Kind.BLOCK, b"payload")
    frames.close()


def test_a_scratch_file_is_gone_at_once(path: Path) -> None:
    """Whatever ends the process leaves nothing of it; what such an end has left itself is no hindrance."""
    path.write_bytes(b"left between two lines")
    runs = SortedRuns(Frames.scratch(path))
    runs.add(b"item")
    assert list(runs.merged()) == [b"item"]
    assert not path.exists()
    runs.close()


@given(st.lists(st.binary(min_size=3, max_size=6), max_size=50))
def test_groups_by_prefix(items: list[bytes]) -> None:
    """Items with equal beginnings come together, in order."""
    groups = [(key, list(group)) for key, group in grouped(sorted(items), 2)]
    assert [item for _, group in groups for item in group] == sorted(items)
    assert all(a < b for (a, _), (b, _) in itertools.pairwise(groups))


_FILL = """
import resource, sys
from hashmatch.scan.frames import Frames
from hashmatch.scan.sorting import SortedRuns
runs = SortedRuns(Frames.create(sys.argv[1]))
for n in range(int(sys.argv[2])):
    runs.add(b"some/longer/path/to/a/file/%d/%d" % (n * 7919 % 1000003, n))
count = sum(1 for _ in runs.merged())
assert count == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_items(tmp_path: Path) -> None:
    """Ten times the items take about the same memory, once there is more than one run."""
    used = [_fill(tmp_path / str(n), n) for n in (200_000, 800_000)]
    assert used[1] < used[0] + 12_000  # KiB


def _fill(path: Path, items: int) -> int:
    run = subprocess.run([sys.executable, "-c", _FILL, path, str(items)], check=True, capture_output=True)
    return int(run.stdout)
