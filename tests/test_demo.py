"""The demonstration's disk image is the same, byte for byte, wherever and whenever it is made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from examples import demo

pytestmark = pytest.mark.skipif(
    not (demo.tool("mke2fs") and demo.tool("debugfs")), reason="needs mke2fs and debugfs (e2fsprogs)"
)


def test_image_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clones, one in a path with blanks, give one image, and it holds the files that were planted."""
    digests, image = [], None
    for name in ("clone", "a clone of another name"):
        place = tmp_path / name
        place.mkdir()
        monkeypatch.setattr(demo, "ROOT", place)
        files = demo.plant(place / "tree")
        image = demo.make_image(place / "tree")
        assert image is not None
        digests.append(demo.digest(image))
    assert image is not None
    assert digests[0] == digests[1]
    assert len(files) == demo.FILES + 1
    path = max(files, key=lambda each: len(files[each]))
    debugfs = demo.tool("debugfs")
    done = subprocess.run([str(debugfs), "-R", f"cat /{path}", image], capture_output=True, check=True)
    assert done.stdout == files[path]
