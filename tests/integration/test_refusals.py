"""What a scan refuses before it has written anything: unusable sources, and places beneath the evidence."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evidence.mounting import bound, ext4_image, loop, mounted, needs, needs_mounts, needs_root
from tests.integration.command import WRITABLE, Desk, find, make_files

NOTHING = ["0123456789abcdef" * 4]


def refused(desk: Desk, code: int, source: Path, *words: str | Path, output: Path | None = None) -> str:
    """Scan, expect the exit code, and return what was said; there is no report then."""
    output = output or desk.output()
    done = desk.run("scan", source, "--output", output, *words)
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert not (output / "report.json").exists()
    assert "Traceback" not in said
    return said


@pytest.fixture
def device_node(evidence: Path) -> Path:
    """Return a block device node where one can be made."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a device node")
    subprocess.run(["mknod", evidence / "disk", "b", "7", "63"], check=True)
    return evidence / "disk"


def test_source_that_is_absent(listed: Desk, evidence: Path) -> None:
    """A source that is not there is refused."""
    assert "got nothing there" in refused(listed, 13, evidence / "absent", *WRITABLE)


def test_source_that_is_a_file(listed: Desk, evidence: Path) -> None:
    """An image that was not mounted is refused, and the message says how to mount it."""
    (evidence / "image.dd").write_bytes(b"image")
    assert "losetup -r" in refused(listed, 13, evidence / "image.dd", *WRITABLE)


def test_source_that_is_a_device(listed: Desk, device_node: Path) -> None:
    """A block device that was not mounted is refused."""
    assert "block device" in refused(listed, 13, device_node, *WRITABLE)


def test_source_that_is_writable(listed: Desk, evidence: Path) -> None:
    """A tree on a writable disk is refused, and no output directory is made."""
    output = listed.output()
    assert "read-only" in refused(listed, 13, evidence, output=output)
    assert not output.exists()


@needs_mounts
def test_mount_that_is_read_only_on_a_writable_device(listed: Desk, tmp_path: Path) -> None:
    """A file system mounted ro is refused while its device can be written to, and accepted once it cannot."""
    image = ext4_image(tmp_path / "image")
    with loop(image, read_only=False) as device, mounted(device, tmp_path / "m", "ext4", "ro") as root:
        assert "writable" in refused(listed, 13, root)
    with loop(image) as device, mounted(device, tmp_path / "m", "ext4", "ro") as root:
        assert listed.scan(root).document["source"]["read_only"]


def test_reason_for_a_writable_source_is_in_the_report(listed: Desk, evidence: Path) -> None:
    """A writable source with a reason is scanned, and the report gives the reason; a blank reason is none."""
    refused(listed, 13, evidence, "--allow-writable", "  ")
    document = listed.scan(evidence, "--allow-writable", "a live system, on order 7").document
    assert document["source"]["allow_writable"] == "a live system, on order 7"
    assert any("order 7" in warning for warning in document["warnings"])


def test_no_active_list(desk: Desk, evidence: Path) -> None:
    """Without a list there is nothing to compare with, which is an error and not an empty answer."""
    refused(desk, 10, evidence, *WRITABLE)


def test_output_that_is_not_empty(listed: Desk, evidence: Path) -> None:
    """A report is never mixed with what is there already, nor written over a file."""
    output = listed.output()
    output.mkdir()
    (output / "something").write_text("else")
    refused(listed, 2, evidence, *WRITABLE, output=output)
    assert [path.name for path in output.iterdir()] == ["something"]
    refused(listed, 2, evidence, *WRITABLE, output=output / "something")


def test_digests_that_no_list_can_use(listed: Desk, evidence: Path) -> None:
    """Asked for digests that the list has none of, a scan is refused rather than empty."""
    refused(listed, 2, evidence, *WRITABLE, "--digests", "md5")


def state(root: Path) -> dict[bytes, tuple[int, int, int]]:
    """Return size, modification and change time of everything beneath a directory and of itself."""
    paths = [os.path.join(os.fsencode(root), path) for path in [b".", *find(root)]]
    return {path: (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path in paths for s in [os.lstat(path)]}


@pytest.mark.parametrize("way", ["direct", "symlink", "dots", "bind"])
def test_output_beneath_the_source(way: str, listed: Desk, evidence: Path, tmp_path: Path) -> None:
    """By whatever way the output would lie beneath the source, it is refused and nothing is written there."""
    make_files(evidence, 3)
    before = state(evidence)
    if way == "bind":
        if needs_mounts.args[0]:
            pytest.skip(needs_mounts.kwargs["reason"])
        with bound(evidence / "d00000", tmp_path / "elsewhere") as elsewhere:
            refused(listed, 13, evidence, *WRITABLE, output=elsewhere / "report")
    elif way == "symlink":
        (tmp_path / "link").symlink_to(evidence / "d00000")
        refused(listed, 13, evidence, *WRITABLE, output=tmp_path / "link" / "report")
    elif way == "dots":
        refused(listed, 13, evidence, *WRITABLE, output=tmp_path / "desk" / ".." / "evidence" / "report")
    else:
        refused(listed, 13, evidence, *WRITABLE, output=evidence / "report")
    assert state(evidence) == before


@pytest.mark.parametrize("what", ["store", "key"])
def test_store_or_key_beneath_the_source(what: str, listed: Desk, evidence: Path) -> None:
    """A store or a sealing key beneath the source is refused, and nothing is written there first."""
    make_files(evidence, 3)
    name = {"store": "store", "key": "keys"}[what]
    shutil.move(listed.directory / name, evidence / name)
    (listed.directory / name).symlink_to(evidence / name)
    before = state(evidence)
    refused(listed, 13, evidence, *WRITABLE)
    assert state(evidence) == before


# Root without its capabilities is a user like others, with files of its own.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all")


@needs_root
@needs("setpriv")
@pytest.mark.parametrize(
    ("place", "code"), [("store", 12), ("keys", 16), ("keys/sealing.key", 16), ("../evidence", 13)]
)
def test_without_permission(place: str, code: int, listed: Desk, evidence: Path) -> None:
    """Without permission for the store, the key or the source the scan is an error; nothing is taken for empty."""
    make_files(evidence, 3)
    listed.scan(evidence, *WRITABLE, before=WITHOUT_RIGHTS)
    closed = listed.directory / place
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        done = listed.run("scan", evidence, "--output", listed.output(), *WRITABLE, before=WITHOUT_RIGHTS)
    finally:
        closed.chmod(mode)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not (listed.output() / "report.json").exists()


def test_key_of_another_store(listed: Desk, evidence: Path, tmp_path: Path) -> None:
    """With another sealing key, or none, the answer is an error and never an empty report."""
    key = listed.directory / "keys" / "sealing.key"
    kept = key.read_bytes()
    (tmp_path / "other").mkdir()
    other = replace(listed, directory=tmp_path / "other")
    other.list_digests(NOTHING)
    key.write_bytes((other.directory / "keys" / "sealing.key").read_bytes())
    refused(listed, 16, evidence, *WRITABLE)
    key.unlink()
    refused(listed, 16, evidence, *WRITABLE)
    key.write_bytes(kept)
    key.chmod(0o600)
    listed.scan(evidence, *WRITABLE)
