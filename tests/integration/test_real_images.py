"""Images that others made, by every way this system can mount them: the report equals what find and sha256sum say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.evidence.mounting import needs_mounts
from tests.integration.command import Desk, find, sha256, sha256sum
from tests.integration.images import SAMPLES, disk, parts, volume_mounted, volumes

IMAGES: Final = SAMPLES / "images"
NAMES: Final = (
    "sleuthkit/image.dd",
    "sleuthkit/image.E01",
    "sleuthkit/imageformat_mmls_1.E01",
    "sleuthkit/image.iso",
    "sleuthkit/image.qcow",
    "sleuthkit/image.vhd",
    "sleuthkit/image.vmdk",
    "pytsk/image.raw",
    "pytsk/tsk_volume_system.raw",
    "dfvfs/ext2.E01",
    "dfvfs/ext2.split.E01",
    "dfvfs/ext2.splitraw.000",
    "dfvfs/ext2.qcow2",
    "dfvfs/ext2.vhd",
    "dfvfs/ext2.vmdk",
    "dfvfs/image.vhd",
    "dfvfs/image-differential.vhd",
    "dfvfs/fat-differential.vhd",
    "dfvfs/windows_volume.qcow2",
    "dfvfs/iso9660.raw",
    "dfvfs/hfsplus.raw",
    "dfvfs/hfsplus_zlib.dmg",
    "dfvfs/apfs.raw",
    "debian-forensics-samples/fs.multiple.xz",
)
VOLUMES: Final = {"sleuthkit/imageformat_mmls_1.E01": 2, "debian-forensics-samples/fs.multiple.xz": 4}
# Whose parent is not among the samples.
ORPHANS: Final = {"dfvfs/image-differential.vhd", "dfvfs/fat-differential.vhd"}

pytestmark = [
    needs_mounts,
    pytest.mark.skipif(not IMAGES.is_dir(), reason="needs the sample images (HASHMATCH_SAMPLES says where)"),
]


@contextmanager
def opened(name: str, work: Path) -> Iterator[tuple[Path, list[int]]]:
    """Open the sample `name` as a raw disk; what is given beside it is where its volumes begin."""
    image = IMAGES / name
    if not image.exists():
        pytest.skip("this sample is absent")
    if name in ORPHANS:
        pytest.skip("its parent image is not among the samples")
    with disk(image, work) as raw:
        yield raw, volumes(raw)


def streams(root: Path, files: list[bytes]) -> list[bytes]:
    """Return the alternate data streams that ntfs-3g tells of, as `file:stream`."""
    found = []
    for path in files:
        try:
            listed = os.getxattr(os.path.join(os.fsencode(root), path), "ntfs.streams.list", follow_symlinks=False)
        except OSError:
            continue
        found += [path + b":" + stream for stream in listed.split(b"\0") if stream]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_report_equals_find_and_sha256sum(name: str, desk: Desk, tmp_path: Path) -> None:
    """With every second file of an image listed, exactly those are flagged, all is counted, the image is unchanged."""
    image_parts = parts(IMAGES / name)
    before = list(map(sha256, image_parts))
    scanned, skipped = 0, []
    with opened(name, tmp_path) as (raw, found):
        assert len(found) == VOLUMES.get(name, len(found))
        for number, offset in enumerate(found):
            (tmp_path / f"desk-{number}").mkdir()
            try:
                with volume_mounted(raw, offset, tmp_path / f"volume-{number}") as root:
                    check_scan(Desk(tmp_path / f"desk-{number}"), root)
                scanned += 1
            except pytest.skip.Exception as reason:
                skipped.append(f"volume {number}: {reason.msg}")
    assert list(map(sha256, image_parts)) == before
    if skipped and (not scanned or name in VOLUMES):
        pytest.skip("; ".join(skipped))
    assert scanned


def check_scan(desk: Desk, root: Path) -> None:
    """Scan what is mounted, and compare the report with other programs."""
    entries = find(root)
    beside = streams(root, entries)
    files = find(root, "-type", "f")
    digests = sha256sum(root, files + beside)
    empty = set(find(root, "-type", "f", "-empty"))
    empty |= {path for path in beside if os.path.getsize(os.path.join(os.fsencode(root), path)) == 0}
    full = sorted(set(digests) - empty)
    listed = {digests[path] for path in full[::2]} or {"0123456789abcdef" * 4}
    desk.list_digests(sorted(listed))
    report = desk.scan(root)
    expected = [path for path in full if digests[path] in listed]
    others = len(entries) - len(files) + len(empty)
    assert report.paths("flags") == expected
    assert report.outcomes == (len(expected), len(full) - len(expected), 0, others)
    assert report.counts["seen"] == len(entries) + len(beside)
    assert report.counts["alternate_streams"] == len(beside)
    assert report.document["status"] == "complete"
    assert report.document["source"]["read_only"]
    kinds = set(report.paths("excluded"))
    assert kinds == empty | (set(entries) - set(files))
