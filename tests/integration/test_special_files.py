"""What is no ordinary file: counted as what it is, never opened in a way that hangs, never followed out of the tree."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.evidence.mounting import bound, needs_mounts, needs_root
from tests.integration.command import WRITABLE, Desk, find, make_files, sha256sum


def test_zoo(listed: Desk, evidence: Path) -> None:
    """FIFO, socket and links of every kind are excluded under their names, and the scan does not hang or stray."""
    os.mkfifo(evidence / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(evidence)
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    outside = listed.directory / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not evidence")
    for name, destination in {
        "dangling": "nowhere",
        "escaping": str(outside),
        "escaping file": str(outside / "secret"),
        "itself": "itself",
        "up": "..",
        "endless": "/dev/zero",
    }.items():
        (evidence / name).symlink_to(destination)
    (evidence / "file").write_text("the only content")
    begun = time.monotonic()
    report = listed.scan(evidence, *WRITABLE)
    assert time.monotonic() - begun < 120
    assert report.outcomes == (0, 1, 0, 8)
    assert report.counts["excluded_reasons"] == {"fifo": 1, "socket": 1, "symlink": 6}
    assert report.counts["bytes_read"] == len("the only content")


@needs_root
def test_device_nodes(listed: Desk, evidence: Path) -> None:
    """Device nodes are excluded and not read: /dev/zero's number would never end."""
    subprocess.run(["mknod", evidence / "zero", "c", "1", "5"], check=True)
    subprocess.run(["mknod", evidence / "loop", "b", "7", "0"], check=True)
    report = listed.scan(evidence, *WRITABLE)
    assert report.counts["excluded_reasons"] == {"block_device": 1, "character_device": 1}
    assert report.counts["bytes_read"] == 0


def test_hard_links(desk: Desk, evidence: Path) -> None:
    """A file with 1,000 names is read once and flagged under each; so is one whose names lie apart."""
    (evidence / "many").mkdir()
    (evidence / "many" / "first").write_text("content with many names")
    (evidence / "apart").mkdir()
    for number in range(999):
        where = evidence / ("apart" if number % 2 else "many") / f"name {number}"
        where.hardlink_to(evidence / "many" / "first")
    desk.list_digests(set(sha256sum(evidence, [b"many/first"]).values()))
    report = desk.scan(evidence, *WRITABLE)
    assert report.paths("flags") == find(evidence, "-type", "f")
    assert report.outcomes == (1_000, 0, 0, 2)
    assert report.counts["hard_links"] == 999
    assert report.counts["bytes_read"] == len("content with many names")


@needs_mounts
def test_bind_mount_of_the_tree_in_itself(listed: Desk, evidence: Path) -> None:
    """A mount inside the evidence is excluded as one; asked to go in, the scan sees the loop and ends."""
    make_files(evidence, 3)
    (evidence / "loop").mkdir()
    with bound(evidence, evidence / "loop"):
        report = listed.scan(evidence, *WRITABLE)
        assert report.counts["excluded_reasons"] == {"directory": 1, "mount_point": 1}
        crossed = listed.scan(evidence, *WRITABLE, "--cross-mounts", code=3)
    assert crossed.counts["not_examined_reasons"] == {"directory_loop": 1}
    assert crossed.counts["no_match"] == 3


def test_sparse_file_beyond_the_budget(listed: Desk, evidence: Path) -> None:
    """An 8 TiB file beyond --max-file-size is not examined, for that reason, and the scan says it is incomplete."""
    (evidence / "small").write_text("read")
    with (evidence / "huge").open("wb") as file:
        try:
            file.truncate(8 << 40)
        except OSError as error:
            pytest.skip(f"no 8 TiB file here: {error.strerror}")
    report = listed.scan(evidence, *WRITABLE, "--max-file-size", str(1 << 30), code=3)
    row = report.failures()[b"huge"]
    assert (row["reason"], row["size"], row["errno"]) == ("budget", 8 << 40, None)
    assert report.outcomes == (0, 1, 1, 0)
    assert report.document["options"]["max_file_size"] == 1 << 30


@pytest.mark.slow
def test_file_larger_than_four_gigabytes_is_read_whole(desk: Desk, evidence: Path) -> None:
    """A sparse file of 2^32 + 1 bytes gets the digest that sha256sum gives it."""
    with (evidence / "large").open("wb") as file:
        file.truncate((1 << 32) + 1)
    desk.list_digests(sha256sum(evidence, [b"large"]).values())
    report = desk.scan(evidence, *WRITABLE)
    assert report.paths("flags") == [b"large"]
    assert report.counts["bytes_read"] == (1 << 32) + 1


def test_depth_of_2000(listed: Desk, evidence: Path) -> None:
    """Files at every hundredth of 2,000 levels are found, though their paths are longer than the system takes."""
    at = os.open(evidence, os.O_RDONLY)
    for level in range(2_000):
        name = f"level {level}"
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
        if level % 100 == 99:
            with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at), "w") as file:
                file.write(name)
    os.close(at)
    report = listed.scan(evidence, *WRITABLE)
    assert report.outcomes == (0, 20, 0, 2_000)
    assert sorted(report.paths("excluded")) == find(evidence, "-type", "d")


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_many_entries_in_one_directory(count: int, desk: Desk, evidence: Path) -> None:
    """All entries of one large directory are seen, and the listed file among them is flagged."""
    make_files(evidence, count, each_directory=count)
    last = b"d00000/f%07d" % (count - 1)
    desk.list_digests(sha256sum(evidence, [last]).values())
    report = desk.scan(evidence, *WRITABLE)
    assert report.paths("flags") == [last]
    assert report.outcomes == (1, count - 1, 0, 1)
