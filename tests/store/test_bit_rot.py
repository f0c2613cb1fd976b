"""One flipped byte anywhere in a generation: every listed digest is found, or there is an error."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hashmatch.config import Settings
from tests.madeup import digests, figures, missed, take_in, write_list

from .damage import silently_missed, verification_fails

LISTED = digests(3_000)


def files_of(generation: Path) -> list[Path]:
    return [*sorted((generation / "db").iterdir()), generation / "filter.bin", generation / "manifest.json"]


@pytest.mark.parametrize("flips", [200, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_flipped_byte_hides_a_listed_digest(settings: Settings, tmp_path: Path, flips: int) -> None:
    """Bytes flipped one at a time, spread over all files that decide: none is missed in silence, all are found."""
    take_in(settings, write_list(tmp_path / "list", LISTED))
    (generation,) = settings.store.glob("lists/*/*")
    files = [*files_of(generation), settings.store / "active.json"]
    contents = {path: path.read_bytes() for path in files}
    chance = random.Random(flips)
    harmless = 0
    for number in range(flips):
        # By turns from each small file, or else from the table, which is nearly all of the bytes.
        path = files[number // 2 % len(files)] if number % 2 else max(files, key=lambda p: len(contents[p]))
        content = bytearray(contents[path])
        place = chance.randrange(len(content))
        content[place] ^= chance.randrange(1, 256)
        path.write_bytes(content)
        found = silently_missed(settings, LISTED)
        assert found in (None, 0), f"{path.name} byte {place}: {found} of {len(LISTED)} listed digests missed"
        assert verification_fails(settings), f"{path.name} byte {place}: verified"
        harmless += found == 0
        path.write_bytes(contents[path])
    assert missed(settings, LISTED) == 0
    figures(f"bit rot: {flips} flips, 0 silent misses, {flips} found by verify, {harmless} answered in full")


def test_bytes_cut_from_or_added_to_any_file_are_found(settings: Settings, tmp_path: Path) -> None:
    """Each file of a generation, one byte shorter, one longer, empty, or gone, is an error."""
    take_in(settings, write_list(tmp_path / "list", LISTED[:200]))
    (generation,) = settings.store.glob("lists/*/*")
    for path in [*files_of(generation), settings.store / "active.json"]:
        content = path.read_bytes()
        for changed in (content[:-1], content + b"\0", b"", None):
            path.unlink() if changed is None else path.write_bytes(changed)
            assert silently_missed(settings, LISTED[:200]) is None
            assert verification_fails(settings)
        path.write_bytes(content)
    assert missed(settings, LISTED[:200]) == 0
