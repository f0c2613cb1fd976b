"""File systems made here, of which the truth is known: every planted file is found, no decoy is, nothing is changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.evidence.mounting import loop, mounted, mounted_ntfs, needs, needs_mounts
from tests.integration.command import Desk, find, sha256
from tests.integration.images import device_mounted
from tests.integration.known_truth import DIRECTORIES, KINDS, NAMES, PLANTED, Truth, dirty, make_image, make_truth


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Return the one tree that all images here are made of."""
    return make_truth(tmp_path_factory.mktemp("truth") / "tree")


@pytest.fixture(scope="module")
def planted(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk whose list holds the planted files."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.list_digests(truth.planted.values())
    return desk


def each_kind() -> list[object]:
    """Writing 2,000 files through fusefat takes 20 seconds."""
    return [pytest.param(kind, marks=pytest.mark.slow if kind == "vfat" else ()) for kind in KINDS]


@needs_mounts
@pytest.mark.parametrize("kind", each_kind())
def test_planted_files_are_found(kind: str, truth: Truth, planted: Desk, tmp_path: Path) -> None:
    """Among 2,000 files with decoys of equal name and size, exactly the 200 planted ones are flagged."""
    image = tmp_path / f"{kind}.image"
    make_image(kind, image, truth.tree)
    before = sha256(image)
    with loop(image) as device, device_mounted(device, tmp_path / "mounted") as root:
        report = planted.scan(root)
        entries = find(root)
    assert report.paths("flags") == sorted(truth.planted)
    assert report.outcomes[:3] == (PLANTED, DIRECTORIES * NAMES - PLANTED, 0)
    assert report.counts["seen"] == len(entries)
    assert report.document["source"]["read_only"]
    assert sha256(image) == before


JOURNALS = {"ext4": ("ext4", "ro,noload"), "xfs": ("xfs", "ro,norecovery,nouuid")}


@needs_mounts
@pytest.mark.parametrize("kind", JOURNALS)
def test_dirty_journal_is_left_alone(kind: str, truth: Truth, planted: Desk, tmp_path: Path) -> None:
    """An image taken of a mounted file system stays as it is, and the report warns of what it may hide."""
    make_image(kind, tmp_path / "image", truth.tree)
    fs_type, options = JOURNALS[kind]
    with dirty(tmp_path / "image", kind, tmp_path / "copy") as copy:
        pass
    before = sha256(copy)
    with loop(copy) as device:
        refused = subprocess.run(["mount", "-t", fs_type, "-o", "ro", device, tmp_path / "mounted"], check=False)
        assert refused.returncode, "the journal is clean, so there is nothing to show here"
        with mounted(device, tmp_path / "mounted", fs_type, options) as root:
            report = planted.scan(root)
            entries = find(root)
    assert report.paths("flags") == sorted(truth.planted)
    assert report.counts["seen"] == len(entries)
    assert report.document["source"]["journal_not_replayed"]
    assert any("recent files" in warning for warning in report.document["warnings"])
    assert sha256(copy) == before


@needs_mounts
@needs("mkntfs", "ntfs-3g")
def test_dirty_ntfs_is_left_alone(truth: Truth, planted: Desk, tmp_path: Path) -> None:
    """An NTFS image taken while it was mounted stays as it is."""
    make_image("ntfs", tmp_path / "image", truth.tree)
    with dirty(tmp_path / "image", "ntfs", tmp_path / "copy") as copy:
        pass
    before = sha256(copy)
    with loop(copy) as device, mounted_ntfs(device, tmp_path / "mounted") as root:
        report = planted.scan(root)
        entries = find(root)
    assert report.paths("flags") == sorted(truth.planted)
    assert report.counts["seen"] == len(entries)
    assert sha256(copy) == before


@needs_mounts
def test_clean_file_system_gets_no_warning_of_a_journal(truth: Truth, planted: Desk, tmp_path: Path) -> None:
    """A clean image that is mounted the ordinary way is not said to hide anything."""
    make_image("ext4", tmp_path / "image", truth.tree)
    with loop(tmp_path / "image") as device, mounted(device, tmp_path / "mounted", "ext4", "ro") as root:
        report = planted.scan(root)
    assert not report.document["source"]["journal_not_replayed"]
    assert not any("journal" in warning for warning in report.document["warnings"])
