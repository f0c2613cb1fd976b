"""Walking a tree of evidence: every entry comes out once, and what could not be listed comes out as such.

Regular files travel in batches, for workers to read; all else is settled here. Errors are in the same stream, so a
consumer cannot take the files and lose the errors.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hashmatch.errors import SourceUnusable
from hashmatch.evidence.batches import BATCH, Batches, Names
from hashmatch.evidence.likely import Likely, Place
from hashmatch.evidence.listing import Listed, list_directory
from hashmatch.evidence.opening import open_directory
from hashmatch.evidence.streams import STREAMS_UNLISTED, list_streams
from hashmatch.hashing.failures import is_ours
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome

EVERYTHING: Final = Likely()

# What ntfs-3g puts in the place of a reparse point it has no plugin for; what lies behind is not in the mount.
_REPARSE: Final = b"unsupported reparse tag"


class Files(NamedTuple):
    """Regular files of one directory, to be read.

    Attributes:
        directory: path relative to the root; empty for the root.
        names: in that directory.
        streams: they are alternate data streams of a directory ("name:stream").
        later: they are not in a likely place, nor named like a likely file.
    """

    directory: bytes
    names: tuple[bytes, ...]
    streams: bool = False
    later: bool = False


class Entry(NamedTuple):
    """An entry that holds no content to look up, or that could not be examined.

    Attributes:
        path: relative to the root; b"." for the root itself.
        reason: an `ExclusionReason` or a `FailureReason`, as `outcome` has it.
        errno: the system's error number, where one was given.
        inode: `st_ino`; 0 where it could not be learnt.
        note: what else there is to say.
    """

    path: bytes
    outcome: Outcome
    reason: ExclusionReason | FailureReason
    errno: int | None = None
    inode: int = 0
    note: str = ""


class _Pending(NamedTuple):
    """A directory to be listed. Linked to its parent, as full paths of deep trees would add up."""

    parent: _Pending | None
    name: bytes
    inode: int
    place: Place

    def path(self) -> bytes:
        names: list[bytes] = []
        node: _Pending | None = self
        while node is not None:
            names.append(node.name)
            node = node.parent
        return b"/".join(reversed(names))


# These prove what they are when they are opened. Every other kind would be believed, and in a forged directory a
# file's entry may say FIFO; so the inode is asked.
_OPENED: Final = frozenset({stat.S_IFREG, stat.S_IFDIR})

_REASONS: Final = {
    stat.S_IFLNK: ExclusionReason.SYMLINK,
    stat.S_IFIFO: ExclusionReason.FIFO,
    stat.S_IFSOCK: ExclusionReason.SOCKET,
    stat.S_IFBLK: ExclusionReason.BLOCK_DEVICE,
    stat.S_IFCHR: ExclusionReason.CHARACTER_DEVICE,
}


def walk(
    root: int,
    *,
    cross_mounts: bool = False,
    ntfs: bool = False,
    likely: Likely = EVERYTHING,
    by_inode: bool = False,
) -> Iterator[Files | Entry]:
    """Yield every entry beneath an open root once, and an entry for the root only where its listing broke off.

    A directory's own entry follows the files and the other entries in it, but not its subdirectories' content.

    Args:
        root: from `open_root`.
        cross_mounts: go into file systems mounted inside the evidence; else each is `excluded: mount_point`.
        ntfs: the mount is ntfs-3g's: look for streams of directories and for unsupported reparse points.
        likely: list these places before others, and mark the files of all others as `later`.
        by_inode: give the files of a directory in the order of their inodes.

    Raises:
        SourceUnusable: the root itself cannot be listed.
        OSError: this process ran out of descriptors or memory.
    """
    yield from _Walk(root, likely, cross_mounts=cross_mounts, ntfs=ntfs, by_inode=by_inode).entries()


class _Walk:
    """The state of one walk: directories still to be listed, and those that were."""

    def __init__(self, root: int, likely: Likely, *, cross_mounts: bool, ntfs: bool, by_inode: bool) -> None:
        self._root = root
        self._likely = likely
        self._cross_mounts = cross_mounts
        self._ntfs = ntfs
        self._by_inode = by_inode
        self._pending: tuple[list[_Pending], ...] = ([], [], [])  # by the rank of their places
        self._listed: dict[int, set[int]] = {}

    def entries(self) -> Iterator[Files | Entry]:
        try:
            descriptor = open_directory(self._root, b"", cross_mounts=self._cross_mounts)
        except OSError as error:
            if is_ours(error):
                raise
            raise SourceUnusable(f"the evidence root cannot be listed: {error.strerror}") from error
        yield from self._opened(None, b"", descriptor)
        while pending := next(filter(None, self._pending), None):
            yield from self._directory(pending.pop())

    def _directory(self, node: _Pending) -> Iterator[Files | Entry]:
        path = node.path()
        try:
            descriptor = open_directory(self._root, path, cross_mounts=self._cross_mounts)
        except OSError as error:
            if error.errno == errno.EXDEV:
                yield _excluded(path, ExclusionReason.MOUNT_POINT, node.inode)
            else:
                yield _failed(path, FailureReason.DIRECTORY_UNREADABLE, error, node.inode)
            return
        yield from self._opened(node, path, descriptor)

    def _opened(self, node: _Pending | None, path: bytes, descriptor: int) -> Iterator[Files | Entry]:
        """List one open directory, close it, and say how that went."""
        inode = node.inode if node is not None else 0
        place = node.place if node is not None else self._likely.root
        try:
            status = os.fstat(descriptor)
            inode = status.st_ino
            if not self._first_visit(status):
                yield Entry(path, Outcome.NOT_EXAMINED, FailureReason.DIRECTORY_LOOP, None, inode)
                return
            yield from self._content(node, place, path, descriptor)
            if self._ntfs:
                yield from _directory_streams(path, descriptor, inode, later=not place.inside)
        except OSError as error:
            yield _failed(path or b".", FailureReason.DIRECTORY_UNREADABLE, error, inode)
            return
        finally:
            os.close(descriptor)
        if node is not None:
            yield _excluded(path, ExclusionReason.DIRECTORY, inode)

    def _first_visit(self, status: os.stat_result) -> bool:
        listed = self._listed.setdefault(status.st_dev, set())
        if status.st_ino in listed:
            return False
        listed.add(status.st_ino)
        return True

    def _content(self, node: _Pending | None, place: Place, path: bytes, descriptor: int) -> Iterator[Files | Entry]:
        batches = Batches(place, self._likely, by_inode=self._by_inode)
        prefix = path + b"/" if path else b""
        try:
            for files, inodes, others in list_directory(descriptor, inodes=self._by_inode):
                batches.add(files, inodes)
                for other in others:
                    entry = self._settled(node, place, prefix, descriptor, other, batches)
                    if entry is not None:
                        yield entry
                yield from _files(path, batches.full())
        except OSError:
            # What was found before the listing broke off is examined all the same.
            yield from _files(path, batches.rest())
            raise
        yield from _files(path, batches.rest())

    def _settled(
        self, node: _Pending | None, place: Place, prefix: bytes, descriptor: int, listed: Listed, batches: Batches
    ) -> Entry | None:
        """Return what became of an entry; None for a file, which is added to `batches`, and for a directory to list."""
        name, kind, inode = listed
        if kind not in _OPENED:
            kind, inode, error = _look(descriptor, name, inode)
            if error is not None:
                return _unknown(prefix + name, error, inode)
        if kind == stat.S_IFREG:
            batches.add((name,), (inode,))
        elif kind == stat.S_IFDIR:
            below = self._likely.below(place, name)
            self._pending[below.rank].append(_Pending(node, name, inode, below))
        else:
            return self._other(prefix + name, descriptor, name, kind, inode)
        return None

    def _other(self, path: bytes, descriptor: int, name: bytes, kind: int, inode: int) -> Entry:
        """Settle what is neither a file nor a directory."""
        reason = _REASONS.get(kind)
        if reason is None:
            return Entry(path, Outcome.NOT_EXAMINED, FailureReason.UNKNOWN_KIND, None, inode, f"st_mode {kind:#o}")
        if self._ntfs and reason is ExclusionReason.SYMLINK:
            return _ntfs_link(path, descriptor, name, inode)
        return _excluded(path, reason, inode)


def _files(directory: bytes, batches: Iterable[Names]) -> Iterator[Files]:
    return (Files(directory, names, later=later) for names, later in batches)


def _look(descriptor: int, name: bytes, inode: int) -> tuple[int, int, OSError | None]:
    """Ask for the kind and inode of an entry of which the listing does not say them, or cannot be believed."""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError as error:
        return 0, inode, error
    return stat.S_IFMT(status.st_mode), status.st_ino, None


def _unknown(path: bytes, error: OSError, inode: int) -> Entry:
    gone = error.errno == errno.ENOENT
    return _failed(path, FailureReason.VANISHED if gone else FailureReason.UNKNOWN_KIND, error, inode)


def _ntfs_link(path: bytes, descriptor: int, name: bytes, inode: int) -> Entry:
    try:
        destination = os.readlink(name, dir_fd=descriptor)
    except OSError as error:
        return _failed(path, FailureReason.UNKNOWN_KIND, error, inode)
    if not destination.startswith(_REPARSE):
        return _excluded(path, ExclusionReason.SYMLINK, inode)
    note = destination.decode("ascii", "backslashreplace")
    return Entry(path, Outcome.NOT_EXAMINED, FailureReason.UNSUPPORTED_REPARSE_TAG, None, inode, note)


def _directory_streams(path: bytes, descriptor: int, inode: int, *, later: bool) -> Iterator[Files | Entry]:
    """Yield a directory's alternate data streams as files beside it, the root's as files in it."""
    try:
        streams = list_streams(descriptor)
    except OSError as error:
        yield _failed(path + STREAMS_UNLISTED, FailureReason.STREAMS_UNREADABLE, error, inode)
        return
    parent, _, name = path.rpartition(b"/")
    for start in range(0, len(streams), BATCH):
        names = tuple(name + b":" + stream for stream in streams[start : start + BATCH])
        yield Files(parent, names, streams=True, later=later)


def _excluded(path: bytes, reason: ExclusionReason, inode: int) -> Entry:
    return Entry(path, Outcome.EXCLUDED, reason, None, inode)


def _failed(path: bytes, reason: FailureReason, error: OSError, inode: int) -> Entry:
    """Record an error of the evidence; one of ours is raised instead."""
    if is_ours(error):
        raise error
    return Entry(path, Outcome.NOT_EXAMINED, reason, error.errno, inode)
