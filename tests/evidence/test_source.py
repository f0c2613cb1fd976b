"""Which sources are read and which refused, on real mounts of each kind."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.source import SourceFacts, check_source, inspect_source
from tests.evidence.mounting import (
    as_nobody,
    bound,
    btrfs_image,
    ext4_image,
    loop,
    mounted,
    mounted_ntfs,
    needs,
    needs_mounts,
    needs_ntfs,
    needs_root,
    ntfs_image,
    run,
    squashfs_image,
    xfs_image,
)

MOUNT = "a mount that is not ro"
FILE_SYSTEM = "a file system that is not ro"
DEVICE = "a block device that is writable"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    (tmp_path / "content/dir").mkdir(parents=True)
    (tmp_path / "content/file").write_bytes(b"abc")
    return tmp_path / "content"


@pytest.fixture
def image(tmp_path: Path, content: Path) -> Path:
    return ext4_image(tmp_path / "ext4", content)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def refusal(path: Path) -> str:
    with pytest.raises(SourceUnusable) as caught:
        check_source(path)
    return str(caught.value)


def writable_parts(facts: SourceFacts) -> set[str]:
    return {reason.split(" (")[0] for reason in facts.writable}


@needs_mounts
def test_read_only_device_is_accepted(image: Path, tmp_path: Path, stack: ExitStack) -> None:
    """`losetup -r` and `ro,noload`: accepted, all facts known, and the image is the same afterwards."""
    before = hashlib.sha256(image.read_bytes()).digest()
    device = stack.enter_context(loop(image))
    root = stack.enter_context(mounted(device, tmp_path / "m m", "ext4", "ro,noload"))
    facts = check_source(root)
    assert (facts.read_only, facts.writable, facts.journal_not_replayed) == (True, (), True)
    assert (facts.mount_point, facts.is_mount_root, facts.fs_root) == (str(root), True, "/")
    assert (facts.fs_type, facts.mount_source) == ("ext4", str(device))
    (block,) = facts.devices
    assert (block.name, block.read_only, block.backing_file) == (device.name, True, str(image))
    assert facts.identity == (root.stat().st_dev, root.stat().st_ino)
    assert facts.used_bytes > 0
    assert facts.used_inodes > 3
    assert (facts.ntfs, facts.streams_covered, facts.one_device) == (False, True, True)
    below = check_source(root / "dir")
    assert (below.is_mount_root, below.mount_point) == (False, str(root))
    stack.close()
    assert hashlib.sha256(image.read_bytes()).digest() == before


@needs_mounts
@pytest.mark.parametrize(
    ("device_read_only", "options", "parts"),
    [(False, "rw", {MOUNT, FILE_SYSTEM, DEVICE}), (False, "ro", {DEVICE}), (False, "ro,noload", {DEVICE})],
)
def test_writable_is_refused(
    image: Path, tmp_path: Path, stack: ExitStack, device_read_only: bool, options: str, parts: set[str]
) -> None:
    """A read-write device is refused however it is mounted; the message names what is writable and how to mend it."""
    device = stack.enter_context(loop(image, read_only=device_read_only))
    root = stack.enter_context(mounted(device, tmp_path / "m", "ext4", options))
    assert writable_parts(inspect_source(root)) == parts
    message = refusal(root)
    assert all(part in message for part in parts)
    assert f"losetup -r -f -P --show {image}" in message
    assert f"mount -t ext4 -o ro,noload DEVICE {root}" in message


@needs_mounts
def test_read_only_bind_of_a_writable_file_system_is_refused(image: Path, tmp_path: Path, stack: ExitStack) -> None:
    """Only the bind is ro: the file system below it is not, nor its device."""
    device = stack.enter_context(loop(image, read_only=False))
    root = stack.enter_context(mounted(device, tmp_path / "m", "ext4", "rw"))
    bind = stack.enter_context(bound(root / "dir", tmp_path / "bind", read_only=True))
    facts = inspect_source(bind)
    assert writable_parts(facts) == {FILE_SYSTEM, DEVICE}
    assert facts.fs_root == "/dir"
    refusal(bind)


@needs_mounts
def test_a_reason_lets_a_writable_source_through(image: Path, tmp_path: Path, stack: ExitStack) -> None:
    """With a reason it is used, and still called writable; a blank reason is none."""
    device = stack.enter_context(loop(image, read_only=False))
    root = stack.enter_context(mounted(device, tmp_path / "m", "ext4"))
    assert not check_source(root, "live triage ordered by the court").read_only
    with pytest.raises(SourceUnusable):
        check_source(root, "  ")


@needs_mounts
@needs("partx", "blockdev")
def test_partition_counts_itself_not_its_disk(tmp_path: Path, content: Path, stack: ExitStack) -> None:
    """A partition has a flag of its own; the disk's is told beside it."""
    disk = tmp_path / "disk"
    # An MBR with one Linux partition of 16 MiB from sector 2048.
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), 2048, 16 << 11)
    table = (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa"
    disk.write_bytes(table.ljust(2048 * 512, b"\0") + ext4_image(tmp_path / "part", content).read_bytes())
    device = stack.enter_context(loop(disk, read_only=False))
    run("partx", "-a", device)
    partition = Path(f"{device}p1")
    if not partition.exists():
        pytest.skip("needs partitions on loop devices")
    stack.callback(run, "partx", "-d", device)
    run("blockdev", "--setro", partition)
    root = stack.enter_context(mounted(partition, tmp_path / "m", "ext4", "ro,noload"))
    (block,) = check_source(root).devices
    assert (block.name, block.read_only) == (partition.name, True)
    assert (block.parent, block.parent_read_only, block.backing_file) == (device.name, False, str(disk))


@needs_mounts
@needs("mkfs.xfs")
def test_xfs(tmp_path: Path, stack: ExitStack) -> None:
    """`ro,norecovery` on a read-only device is accepted, and says that the journal was not replayed."""
    device = stack.enter_context(loop(xfs_image(tmp_path / "xfs")))
    root = stack.enter_context(mounted(device, tmp_path / "m", "xfs", "ro,norecovery,nouuid"))
    facts = check_source(root)
    assert (facts.fs_type, facts.journal_not_replayed) == ("xfs", True)


@needs_mounts
@needs("mkfs.btrfs")
@pytest.mark.parametrize("second_read_only", [True, False])
def test_every_device_of_a_btrfs_counts(tmp_path: Path, stack: ExitStack, second_read_only: bool) -> None:
    """Of two devices, one that is writable is enough to refuse; `st_dev` would name neither."""
    images = (tmp_path / "one", tmp_path / "two")
    btrfs_image(*images)
    devices = [stack.enter_context(loop(images[0])), stack.enter_context(loop(images[1], read_only=second_read_only))]
    run("btrfs", "device", "scan", *devices)
    stack.callback(run, "btrfs", "device", "scan", "--forget")
    options = f"ro,rescue=nologreplay,device={devices[1]}"
    root = stack.enter_context(mounted(devices[0], tmp_path / "m", "btrfs", options))
    facts = inspect_source(root)
    assert {block.name for block in facts.devices} == {device.name for device in devices}
    assert facts.journal_not_replayed
    assert writable_parts(facts) == (set() if second_read_only else {DEVICE})


@needs_mounts
@needs("mksquashfs")
def test_squashfs(tmp_path: Path, content: Path, stack: ExitStack) -> None:
    """A read-only file system on a writable device is refused like others: the image can still be changed."""
    image = squashfs_image(tmp_path / "squashfs", content)
    with loop(image) as device, mounted(device, tmp_path / "m", "squashfs") as root:
        assert check_source(root).read_only
    with loop(image, read_only=False) as device, mounted(device, tmp_path / "m", "squashfs") as root:
        assert writable_parts(inspect_source(root)) == {DEVICE}


@needs_ntfs
def test_ntfs_on_a_device_and_on_a_file(tmp_path: Path) -> None:
    """ntfs-3g on a loop device counts its device; on the image file itself it has none, and the mount decides."""
    image = ntfs_image(tmp_path / "ntfs")
    with loop(image) as device, mounted_ntfs(device, tmp_path / "m") as root:
        facts = check_source(root)
        assert (facts.ntfs, facts.streams_covered, facts.fs_type) == (True, True, "fuseblk")
        assert [block.read_only for block in facts.devices] == [True]
    with loop(image, read_only=False) as device, mounted_ntfs(device, tmp_path / "m") as root:
        assert writable_parts(inspect_source(root)) == {DEVICE}
        assert "ntfs-3g -o ro,show_sys_files,streams_interface=windows" in refusal(root)
    with mounted_ntfs(image, tmp_path / "m", "ro") as root:
        facts = check_source(root)
        assert (facts.ntfs, facts.streams_covered, facts.devices) == (True, False, ())


@needs_mounts
@pytest.mark.parametrize(("options", "parts"), [("ro", set()), ("rw", {MOUNT, FILE_SYSTEM})])
def test_no_block_device(tmp_path: Path, stack: ExitStack, options: str, parts: set[str]) -> None:
    """Where there is no block device the mount and the file system decide."""
    root = stack.enter_context(mounted("none", tmp_path / "m", "tmpfs", options))
    facts = inspect_source(root)
    assert (facts.devices, writable_parts(facts)) == ((), parts)


def test_what_is_no_directory(tmp_path: Path) -> None:
    """Nothing there, a file, a dangling link: refused in words that say what to do."""
    (tmp_path / "image.dd").write_bytes(b"x")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "got nothing there" in refusal(tmp_path / "gone")
    assert "got nothing there" in refusal(tmp_path / "dangling")
    assert f"losetup -r -f -P --show {tmp_path / 'image.dd'}" in refusal(tmp_path / "image.dd")


@needs_root
def test_unreadable_directory(tmp_path: Path) -> None:
    """A directory that may not be listed is refused for that, before it is asked how it is mounted."""
    (tmp_path / "locked").mkdir(mode=0o711)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with as_nobody():
        assert "Permission denied" in refusal(Path(f"/proc/self/fd/{descriptor}/locked"))
    os.close(descriptor)


def test_a_link_to_the_source_is_followed_and_said(tmp_path: Path) -> None:
    """The person's own link is followed; facts carry both names, and no byte of them breaks a report."""
    real = os.path.join(os.fsencode(tmp_path), b"real\xff")
    os.mkdir(real)
    (tmp_path / "link").symlink_to(os.fsdecode(real))
    facts = inspect_source(tmp_path / "link")
    assert (facts.path, facts.path_bytes) == (str(tmp_path / "link"), real)
    assert facts.real_path == f"{tmp_path}/real\\xff"
