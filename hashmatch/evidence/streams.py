"""Alternate data streams of NTFS: content beside a file's own, which no directory listing shows.

ntfs-3g gives access as its option streams_interface says. With `windows`, an extended attribute that is not itself
listed names the streams, and "name:stream" opens them. With `xattr`, its default, they are extended attributes of
the user, cut at 64 KiB: known, but not to be read as files, so they are reported as not examined. With `none` they
cannot be known at all, which is a fact about the source (`SourceFacts.streams_covered`).
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Sequence
from typing import Final

from hashmatch.hashing.engine import Engine, FileResult, ReadRules
from hashmatch.hashing.failures import is_ours
from hashmatch.outcomes import FailureReason

# Stands behind the name of a file or directory whose streams could not even be listed.
STREAMS_UNLISTED: Final = b":"

_LIST: Final = "ntfs.streams.list"
_NTFS: Final = "system.ntfs_attrib"
_USER: Final = "user."
_NONE: Final = frozenset({errno.ENODATA, errno.EOPNOTSUPP})

# How opening "name:stream" fails where ':' means nothing to the mount, the stream having been listed a moment ago.
_UNOPENED: Final = frozenset({FailureReason.VANISHED, FailureReason.OPEN_FAILED})


def list_streams(file: int | bytes) -> tuple[bytes, ...]:
    """Return the names of a file's alternate data streams on a mount of ntfs-3g.

    Args:
        file: a descriptor, or a path whose last component is not followed.

    Raises:
        OSError: they cannot be listed; also where their names together pass the 64 KiB an attribute may have.
    """
    try:
        names = _attribute(file, _LIST).split(b"\0")
    except OSError as error:
        if error.errno not in _NONE:
            raise
        names = _user_attributes(file)
    return tuple(name for name in names if name)


def _attribute(file: int | bytes, name: str) -> bytes:
    return os.getxattr(file, name) if isinstance(file, int) else os.getxattr(file, name, follow_symlinks=False)


def _user_attributes(file: int | bytes) -> list[bytes]:
    try:
        names = os.listxattr(file) if isinstance(file, int) else os.listxattr(file, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return []
    return [os.fsencode(name.removeprefix(_USER)) for name in names if name.startswith(_USER)]


def has_ntfs_attributes(directory: int) -> bool:
    """Tell whether an open directory has the attributes that NTFS drivers make up for every file."""
    return _answers(directory, _NTFS)


def offers_streams(directory: int) -> bool:
    """Tell whether streams are listed and opened as "name:stream" here."""
    return _answers(directory, _LIST)


def _answers(directory: int, attribute: str) -> bool:
    try:
        os.getxattr(directory, attribute)
    except OSError:
        return False
    return True


def examine(
    engine: Engine, directory: int, names: Sequence[bytes], rules: ReadRules, *, ntfs: bool = False
) -> list[FileResult]:
    """Digest files of an open directory and, on `ntfs`, their alternate data streams as "name:stream".

    Streams are read along with the content they belong to: a file that is `deferred` has none in these results, nor
    has one that is gone. A stream has the inode of its file, and is never deferred itself.
    """
    results = engine.digest_files(directory, names, rules)
    if ntfs:
        streams, unlisted = find_streams(directory, results)
        results += unlisted
        if streams:
            results += examine_streams(engine, directory, streams, rules)
    return results


def examine_streams(engine: Engine, directory: int, names: Sequence[bytes], rules: ReadRules) -> list[FileResult]:
    """Digest streams, given as "name:stream", of an open directory."""
    return [stream_result(result) for result in engine.digest_files(directory, names, stream_rules(rules))]


def stream_rules(rules: ReadRules) -> ReadRules:
    """Return the rules for streams: one is read with its file, so it is never put off."""
    return dataclasses.replace(rules, defer_links=False)


def find_streams(directory: int, files: Sequence[FileResult]) -> tuple[list[bytes], list[FileResult]]:
    """List the streams of files of an open directory that are there and were not put off.

    Returns:
        their names, as "name:stream"; and a result for each file whose streams could not be listed.

    Raises:
        OSError: this process ran out of descriptors or memory.
    """
    streams: list[bytes] = []
    failed: list[FileResult] = []
    for file in filter(_may_have_streams, files):
        try:
            # There is no getxattrat; through the descriptor the path is short and cannot leave the directory.
            names = list_streams(b"/proc/self/fd/%d/%b" % (directory, file.name))
        except OSError as error:
            failed += unlisted((file,), error)
            continue
        streams += [file.name + b":" + stream for stream in names]
    return streams, failed


def unlisted(files: Sequence[FileResult], error: OSError) -> list[FileResult]:
    """Return a result for the streams of each of the files, where the error keeps them from being listed.

    Raises:
        OSError: `error` itself, if this process ran out of descriptors or memory.
    """
    if is_ours(error):
        raise error
    reason = FailureReason.STREAMS_UNREADABLE
    return [unread(file.name + STREAMS_UNLISTED, reason, error.errno) for file in files if _may_have_streams(file)]


def _may_have_streams(file: FileResult) -> bool:
    return not file.deferred and file.failure is not FailureReason.VANISHED


def stream_result(result: FileResult) -> FileResult:
    """Return the result of a stream that was listed a moment ago, so that not to find it is a failure of its own."""
    if result.failure in _UNOPENED:
        return result._replace(failure=FailureReason.STREAMS_UNREADABLE)
    return result


def unread(name: bytes, failure: FailureReason, number: int | None) -> FileResult:
    """Return the result of a file of which nothing could be learnt."""
    return FileResult(name, failure, (), 0, 0, 0, 0, number, None, deferred=False, atime_risked=False, allocated=0)
