"""What a worker holds of the evidence: the root, opened once, and a way to read the files of a batch beneath it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from hashmatch.errors import HashmatchError, SourceUnusable
from hashmatch.evidence.opening import open_directory, open_root
from hashmatch.evidence.streams import examine, examine_streams, unread
from hashmatch.evidence.tree import Files
from hashmatch.hashing.engine import Engine, FileResult, ReadRules
from hashmatch.hashing.failures import open_failure


class EvidenceReader:
    """Reads batches of a walk. For one thread at a time; a context manager.

    Args:
        root: the directory the walk began in.
        identity: its (st_dev, st_ino) as the scan found them, so that no worker reads another tree unawares.
        cross_mounts: as in the walk.
        ntfs: also read the streams of every file.
        one_device: files have the `st_dev` of their directory. Not so on overlayfs.

    Raises:
        SourceUnusable: the root cannot be opened, or is another directory than it was.
    """

    def __init__(
        self,
        root: bytes,
        identity: tuple[int, int],
        *,
        cross_mounts: bool = False,
        ntfs: bool = False,
        one_device: bool = True,
    ) -> None:
        self._cross_mounts = cross_mounts
        self._ntfs = ntfs
        self._one_device = one_device and not cross_mounts
        self._root = _open_same(root, identity)

    @property
    def ntfs(self) -> bool:
        """The streams of every file are to be read too."""
        return self._ntfs

    @contextmanager
    def opened(self, directory: bytes, rules: ReadRules) -> Iterator[tuple[int, ReadRules]]:
        """Open a directory of the evidence; give its descriptor and the rules for the files in it.

        `rules.device` is set here: a file on another device than its directory is a mount crossed unawares. It is
        compared with the directory's, not the root's, as every btrfs subvolume has a device of its own.

        Raises:
            OSError: it cannot be opened.
        """
        descriptor = open_directory(self._root, directory, cross_mounts=self._cross_mounts)
        try:
            device = os.fstat(descriptor).st_dev if self._one_device else None
            yield descriptor, dataclasses.replace(rules, device=device)
        finally:
            os.close(descriptor)

    def examine(self, engine: Engine, files: Files, rules: ReadRules) -> list[FileResult]:
        """Digest a batch; every name has a result, and on NTFS the streams of the files have theirs.

        Raises:
            OSError: this process ran out of descriptors or memory.
            HashmatchError: the engine has left out a file.
        """
        results = self._examine(engine, files, rules)
        # What an engine forgets would end in no outcome, and nothing else would notice: results are counted on.
        if [result.name for result in results[: len(files.names)]] != list(files.names):
            raise left_out(engine.description)
        return results

    def _examine(self, engine: Engine, files: Files, rules: ReadRules) -> list[FileResult]:
        with ExitStack() as stack:
            try:
                directory, rules = stack.enter_context(self.opened(files.directory, rules))
            except OSError as error:
                return unopened(files.names, error)
            if files.streams:
                return examine_streams(engine, directory, files.names, rules)
            return examine(engine, directory, files.names, rules, ntfs=self._ntfs)

    def close(self) -> None:
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def left_out(engine: str) -> HashmatchError:
    """Return the error of an engine that has no result for a file, or another one's."""
    return HashmatchError(f"{engine}: expected one result for each file it was given, got others")


def unopened(names: Sequence[bytes], error: OSError) -> list[FileResult]:
    """Return the results of files whose directory could not be opened.

    Raises:
        OSError: `error` itself, if this process ran out of descriptors or memory.
    """
    failure = open_failure(error)
    return [unread(name, failure, error.errno) for name in names]


def _open_same(path: bytes, identity: tuple[int, int]) -> int:
    try:
        root = open_root(path)
    except OSError as error:
        raise SourceUnusable(f"{os.fsdecode(path)}: {error.strerror}") from error
    try:
        status = os.fstat(root)
        if (status.st_dev, status.st_ino) != identity:
            raise SourceUnusable(f"{os.fsdecode(path)}: expected the directory the scan began with, got another one")
    except BaseException:
        os.close(root)
        raise
    return root
