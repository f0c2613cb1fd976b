"""No output beneath the evidence, whichever way its path goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.outside import check_outside
from hashmatch.evidence.source import inspect_source
from tests.evidence.mounting import bound, ext4_image, loop, mounted, needs_mounts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evidence/sub/deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    return tmp_path / "evidence"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def refused(root: Path, path: Path) -> None:
    with pytest.raises(SourceUnusable, match="outside the evidence"):
        check_outside(inspect_source(root), path)


def test_beneath_directly(root: Path) -> None:
    """The root itself, what is in it, and what would come to be in it."""
    for path in (root, root / "sub", root / "sub/new/newer", root / "sub/.." / "new"):
        refused(root, path)


def test_relative_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is taken from where the process stands."""
    monkeypatch.chdir(root / "sub")
    refused(root, Path("new"))
    check_outside(inspect_source(root), "../../out")


def test_beneath_through_links(root: Path, tmp_path: Path) -> None:
    """A link to the evidence, on the way, at the end, dangling, or in the name of the evidence itself."""
    (tmp_path / "link").symlink_to(root)
    (tmp_path / "out/link").symlink_to("../evidence/sub")
    (tmp_path / "dangling").symlink_to(root / "not yet")
    for path in (tmp_path / "link", tmp_path / "link/new", tmp_path / "out/link/new", tmp_path / "dangling"):
        refused(root, path)
        refused(tmp_path / "link", path)


def test_outside_is_allowed(root: Path, tmp_path: Path) -> None:
    """Beside the evidence, above it, and where a name merely begins alike."""
    facts = inspect_source(root)
    check_outside(facts, tmp_path / "out", os.fsencode(tmp_path / "out/new"), str(tmp_path), tmp_path / "evidence2/x")
    check_outside(inspect_source(root / "sub"), root / "other")


def test_all_paths_are_looked_at(root: Path, tmp_path: Path) -> None:
    """A good path does not excuse a bad one after it."""
    with pytest.raises(SourceUnusable):
        check_outside(inspect_source(root), tmp_path / "out", root / "sub")


@needs_mounts
@pytest.mark.parametrize("part", ["", "sub", "sub/deep"])
def test_beneath_through_bind_mounts(root: Path, tmp_path: Path, stack: ExitStack, part: str) -> None:
    """The evidence, or a directory in it at any depth, bound elsewhere: its files are the evidence's files."""
    bind = stack.enter_context(bound(root / part, tmp_path / "bind"))
    refused(root, bind)
    refused(root, bind / "new")
    (tmp_path / "link").symlink_to(bind)
    refused(root, tmp_path / "link/new")


@needs_mounts
def test_evidence_that_is_itself_a_bind(root: Path, tmp_path: Path, stack: ExitStack) -> None:
    """Evidence named by its bind mount: the original directory is beneath it all the same, its parent is not."""
    bind = stack.enter_context(bound(root / "sub", tmp_path / "bind"))
    refused(bind, root / "sub/new")
    check_outside(inspect_source(bind), root / "new", tmp_path / "out")


@needs_mounts
def test_one_device_mounted_twice(root: Path, tmp_path: Path, stack: ExitStack) -> None:
    """A second mount of the evidence's device shows the same files; another image at another place does not."""
    device = stack.enter_context(loop(ext4_image(tmp_path / "image", root)))
    other = stack.enter_context(loop(ext4_image(tmp_path / "other", root)))
    first = stack.enter_context(mounted(device, tmp_path / "first", "ext4", "ro,noload"))
    second = stack.enter_context(mounted(device, tmp_path / "second", "ext4", "ro,noload"))
    third = stack.enter_context(mounted(other, tmp_path / "third", "ext4", "ro,noload"))
    refused(first, second / "sub")
    refused(first / "sub", second / "sub/new")
    check_outside(inspect_source(first), third / "sub", tmp_path / "out")
    check_outside(inspect_source(first / "sub"), second / "lost+found")


@needs_mounts
def test_a_mount_inside_the_evidence_is_beneath_it(root: Path, tmp_path: Path, stack: ExitStack) -> None:
    """Another file system mounted within the evidence is still reached through it."""
    inside = stack.enter_context(mounted("none", root / "sub", "tmpfs", "rw"))
    refused(root, inside / "new")
