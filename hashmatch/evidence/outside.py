"""Nothing may be written beneath an evidence root, by whatever way a path leads there."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.mounts import mount_of, readable
from hashmatch.evidence.source import SourceFacts


def check_outside(source: SourceFacts, *paths: str | bytes | os.PathLike[str]) -> None:
    """Refuse paths that lie beneath the evidence, or would once they exist.

    Links are resolved. Bind mounts are seen through by comparing places in the file system rather than in the
    directory tree: (device, path inside it) says where something is, however many mounts show it.

    Raises:
        SourceUnusable: a path is beneath the evidence, or the mount it is on cannot be told.
    """
    root = _place(source.path_bytes, b"")
    for path in paths:
        real = os.path.realpath(os.fsencode(path))
        existing, rest = _existing_part(real)
        if _is_beneath(_place(existing, rest), root) or source.identity in _ancestors(existing):
            raise SourceUnusable(
                f"{readable(os.fsencode(path))}: expected a path outside the evidence, got one beneath "
                f"{source.real_path}; nothing is written there"
            )


def _existing_part(path: bytes) -> tuple[bytes, bytes]:
    """Split an absolute path after its longest part that exists."""
    rest = b""
    while path != b"/":
        try:
            os.stat(path)
        except OSError:
            path, name = os.path.split(path)
            rest = os.path.join(name, rest) if rest else name
        else:
            break
    return path, rest


def _place(existing: bytes, rest: bytes) -> tuple[str, list[bytes]]:
    """Return where a path is: the file system's device, and the names that lead there from its own root."""
    mount = mount_of(existing)
    if mount is None or not _is_within(existing, mount.mount_point):
        raise SourceUnusable(f"{readable(existing)}: the mount it is on is hidden from this process")
    inside = _names(existing)[len(_names(mount.mount_point)) :]
    return mount.device, _names(mount.root) + inside + _names(rest)


def _is_within(path: bytes, directory: bytes) -> bool:
    return _names(path)[: len(_names(directory))] == _names(directory)


def _names(path: bytes) -> list[bytes]:
    return [name for name in path.split(b"/") if name]


def _is_beneath(place: tuple[str, list[bytes]], root: tuple[str, list[bytes]]) -> bool:
    return place[0] == root[0] and place[1][: len(root[1])] == root[1]


def _ancestors(path: bytes) -> Iterator[tuple[int, int]]:
    """Yield (st_dev, st_ino) of a path and of every directory above it."""
    while True:
        status = os.stat(path)
        yield status.st_dev, status.st_ino
        if path == b"/":
            return
        path = os.path.dirname(path)
