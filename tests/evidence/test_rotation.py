"""Does the disk rotate: as sysfs says it, followed through partitions, loops and mappings to real disks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hashmatch.evidence.rotation import any_rotates, devices_holding
from hashmatch.evidence.source import inspect_source
from tests.evidence.mounting import ext4_image, loop, mounted, needs_mounts


class Sysfs:
    """A made-up /sys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "dev/block").mkdir(parents=True)
        self._numbers: dict[str, str] = {}
        self.images: dict[bytes, Sequence[str]] = {}

    def add(
        self, name: str, *, rotational: str | None = None, disk: str = "", image: str = "", slaves: Sequence[str] = ()
    ) -> str:
        """Make a device and return its number: a disk, a partition of one, a loop over an image, or a joined one."""
        directory = self.root / "devices" / disk / name
        directory.mkdir(parents=True)
        number = self._numbers[name] = f"8:{len(self._numbers)}"
        (directory / "dev").write_text(f"{number}\n")
        (self.root / "dev/block" / number).symlink_to(directory)
        if rotational is not None:
            (directory / "queue").mkdir()
            (directory / "queue/rotational").write_text(f"{rotational}\n")
        if disk:
            (directory / "partition").write_text("1\n")
        else:
            (directory / "slaves").mkdir()
        if image:
            (directory / "loop").mkdir()
            (directory / "loop/backing_file").write_text(f"{image}\n")
        for slave in slaves:
            target = (self.root / "dev/block" / self._numbers[slave]).resolve()
            (directory / "slaves" / slave).symlink_to(target)
        return number

    def rotates(self, *numbers: str) -> bool | None:
        return any_rotates(numbers, os.fsencode(self.root), self._holders)

    def _holders(self, file: bytes) -> Sequence[str]:
        if file not in self.images:
            raise FileNotFoundError
        return self.images[file]


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path / "sys")


@pytest.mark.parametrize(("flag", "answer"), [("0", False), ("1", True), ("", None), ("2", None), (None, None)])
def test_a_disk_is_what_its_flag_says(sysfs: Sysfs, flag: str | None, answer: bool | None) -> None:
    """Its partitions are as it is; a flag that is missing or strange says nothing."""
    disk = sysfs.add("sda", rotational=flag)
    partition = sysfs.add("sda1", disk="sda")
    assert sysfs.rotates(disk) is sysfs.rotates(partition) is answer


def test_a_virtual_disk_tells_only_that_it_does_not(sysfs: Sysfs) -> None:
    """virtio_blk calls every disk rotating; that one is not, somebody must have said."""
    assert sysfs.rotates(sysfs.add("vda", rotational="1")) is None
    assert sysfs.rotates(sysfs.add("vdb", rotational="0")) is False


def test_a_loop_is_as_the_disk_of_its_image(sysfs: Sysfs) -> None:
    """Whatever its own flag says; and unknown where the image is gone or on no device."""
    sysfs.images[b"/cases/on disk.dd"] = [sysfs.add("sda", rotational="1")]
    sysfs.images[b"/cases/on-flash.dd"] = [sysfs.add("nvme0n1", rotational="0")]
    sysfs.images[b"/cases/on-tmpfs.dd"] = []
    assert sysfs.rotates(sysfs.add("loop0", rotational="0", image="/cases/on disk.dd")) is True
    assert sysfs.rotates(sysfs.add("loop1", rotational="1", image="/cases/on-flash.dd")) is False
    assert sysfs.rotates(sysfs.add("loop2", rotational="0", image="/cases/on-tmpfs.dd")) is None
    assert sysfs.rotates(sysfs.add("loop3", rotational="0", image="/cases/gone.dd (deleted)")) is None
    assert sysfs.rotates(sysfs.add("loop0p1", disk="loop0")) is True


def test_a_mapping_is_as_its_members(sysfs: Sysfs) -> None:
    """One member that rotates is enough; one that is not known leaves the others in doubt."""
    for name, flag in (("sda", "1"), ("sdb", "0"), ("vda", "1")):
        sysfs.add(name, rotational=flag)
    sysfs.add("sdb1", disk="sdb")
    crypt = sysfs.add("dm-0", rotational="1", slaves=["sdb1"])
    mirror = sysfs.add("md0", rotational="0", slaves=["sdb", "sda"])
    unknown = sysfs.add("dm-1", rotational="0", slaves=["sdb", "vda"])
    nested = sysfs.add("dm-2", rotational="0", slaves=["md0"])
    assert [sysfs.rotates(each) for each in (crypt, mirror, unknown, nested)] == [False, True, None, True]


def test_several_devices(sysfs: Sysfs) -> None:
    """A file system on several rotates if one of them does; on none, nothing is known."""
    disk, flash, virtual = (sysfs.add(n, rotational=f) for n, f in (("sda", "1"), ("sdb", "0"), ("vda", "1")))
    assert sysfs.rotates(flash, disk, virtual) is True
    assert sysfs.rotates(flash, virtual) is None
    assert sysfs.rotates(flash, flash) is False
    assert sysfs.rotates() is sysfs.rotates("99:99") is None


def test_devices_that_stand_upon_themselves_end(sysfs: Sysfs) -> None:
    """A loop over an image on itself, which a forged sysfs alone can show, is unknown."""
    number = sysfs.add("loop0", rotational="0", image="/round")
    sysfs.images[b"/round"] = [number]
    assert sysfs.rotates(number) is None


@pytest.fixture
def flag_of() -> Callable[[str], str]:
    def read(number: str) -> str:
        directory = Path(f"/sys/dev/block/{number}").resolve()
        disk = directory.parent if (directory / "partition").exists() else directory
        return (disk / "queue/rotational").read_text().strip()

    return read


def test_this_machine(tmp_path: Path, flag_of: Callable[[str], str]) -> None:
    """Of the disk under this test the answer is the flag's or none, and the source's facts carry it."""
    (tmp_path / "any").touch()
    numbers = devices_holding(os.fsencode(tmp_path / "any"))
    facts = inspect_source(tmp_path)
    assert [device.number for device in facts.devices] == list(numbers)
    assert facts.rotational is any_rotates(numbers)
    if facts.rotational is not None and len(numbers) == 1 and facts.devices[0].name[:2] in ("sd", "nv"):
        assert flag_of(numbers[0]) == str(int(facts.rotational))


@needs_mounts
def test_an_image_on_this_machine(tmp_path: Path) -> None:
    """A mounted image is as the disk that its file lies on, whatever the loop device says of itself."""
    (tmp_path / "content").mkdir()
    image = ext4_image(tmp_path / "image", tmp_path / "content")
    with loop(image) as device, mounted(device, tmp_path / "m", "ext4", "ro,noload") as root:
        assert inspect_source(root).rotational is inspect_source(tmp_path).rotational
