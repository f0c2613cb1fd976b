"""The files of a directory in batches: each name once, likely ones apart, in inode order where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.evidence.batches import BATCH, WINDOW, Batches, Names
from hashmatch.evidence.likely import Likely
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.tree import Entry, walk
from tests.evidence.walking import found, paths


def gathered(listed: list[tuple[bytes, int]], likely: Likely, *, by_inode: bool) -> list[Names]:
    batches = Batches(likely.root, likely, by_inode=by_inode)
    out: list[Names] = []
    for name, inode in listed:
        batches.add((name,), (inode,))
        out += batches.full()
    return [*out, *batches.rest()]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2 * WINDOW + 7),
    st.randoms(use_true_random=False),
    st.sampled_from([[], ["*1"], ["*.x"]]),
    st.booleans(),
)
def test_every_name_once(count: int, chance: object, patterns: list[str], by_inode: bool) -> None:
    """However many there are: no batch too large, likely ones marked as such, the order as asked for."""
    inodes = list(range(count))
    chance.shuffle(inodes)  # type: ignore[attr-defined]
    listed = [(b"%d" % inode, inode) for inode in inodes]
    likely = Likely(patterns)
    batches = gathered(listed, likely, by_inode=by_inode)
    assert sorted(name for batch in batches for name in batch.names) == sorted(name for name, _ in listed)
    assert all(0 < len(batch.names) <= BATCH for batch in batches)
    for later in (False, True):
        names = [name for batch in batches if batch.later is later for name in batch.names]
        assert all(likely.has(likely.root, name) is not later for name in names)
        chosen = [name for name, _ in listed if likely.has(likely.root, name) is not later]
        if by_inode:
            windows = [listed[start : start + WINDOW] for start in range(0, len(listed), WINDOW)]
            ordered = [name for window in windows for name, _ in sorted(window, key=lambda each: each[1])]
            chosen = [name for name in ordered if likely.has(likely.root, name) is not later]
        assert names == chosen


@pytest.mark.parametrize("patterns", [[], ["*.jpg"], ["d1"], ["d*/d1"]])
@pytest.mark.parametrize("by_inode", [False, True])
def test_a_walk_in_any_order_sees_what_find_sees(tmp_path: Path, patterns: list[str], by_inode: bool) -> None:
    """Each entry once; likely places before others; and each directory in the order of its inodes, if so asked."""
    for number in range(300):
        path = tmp_path / f"d{number % 3}" / f"d{number % 2}" / f"{number}.{'jpg' if number % 5 else 'doc'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    root = open_root(os.fsencode(tmp_path))
    try:
        out = list(walk(root, likely=Likely(patterns), by_inode=by_inode))
    finally:
        os.close(root)
    files = [item for item in out if not isinstance(item, Entry)]
    seen = [path for item in files for path in paths(item)] + [item.path for item in out if isinstance(item, Entry)]
    assert sorted(seen) == sorted(found(tmp_path))
    assert bool(patterns) == any(item.later for item in files)
    if by_inode:
        for item in files:
            inodes = [os.stat(os.path.join(os.fsencode(tmp_path), path)).st_ino for path in paths(item)]
            assert inodes == sorted(inodes)
    if patterns == ["d1"]:
        assert not files[0].later
        assert files[0].directory.split(b"/")[0] == b"d1"
