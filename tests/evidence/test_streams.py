"""NTFS on a real image: streams of files and directories, and what becomes of them where they cannot be opened."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.digests import Algorithm
from hashmatch.errors import SourceUnusable
from hashmatch.evidence.opening import open_root
from hashmatch.evidence.queue import EvidenceQueue
from hashmatch.evidence.reader import EvidenceReader
from hashmatch.evidence.source import check_source
from hashmatch.evidence.streams import list_streams
from hashmatch.evidence.tree import Files, walk
from hashmatch.hashing.engine import FileResult, ReadRules
from hashmatch.hashing.native import NativeEngine, is_available
from hashmatch.hashing.portable import PortableEngine
from hashmatch.outcomes import ExclusionReason, FailureReason
from tests.evidence.mounting import loop, mounted, mounted_ntfs, needs_mounts, needs_ntfs, ntfs_image
from tests.evidence.walking import walked

RULES = ReadRules((Algorithm.SHA256,))
REPARSE_ONEDRIVE = (0x9000701A).to_bytes(4, "little") + (8).to_bytes(2, "little") + bytes(2) + bytes(8)

CONTENT = {
    b"plain": b"plain",
    b"f": b"content",
    b"f:one": b"first stream",
    b"f:two words": b"second stream",
    b"dir/g": b"deep",
    b"dir/g:s": b"deep stream",
}
ON_DIRECTORIES = {b"dir:ds": b"stream of a directory", b":rs": b"stream of the root"}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A read-only loop device with an NTFS that has streams, a hard link and a reparse point."""
    directory = tmp_path_factory.mktemp("ntfs")
    image = ntfs_image(directory / "image")
    with loop(image, read_only=False) as attached, mounted_ntfs(attached, directory / "m", "streams_interface=windows"):
        (directory / "m/dir").mkdir()
        for name, content in (CONTENT | ON_DIRECTORIES).items():
            with open(os.path.join(os.fsencode(directory / "m"), name), "wb") as file:
                file.write(content)
        (directory / "m/link").symlink_to("plain")
        (directory / "m/dir/h").hardlink_to(directory / "m/plain")
        (directory / "m/cloud").touch()
        os.setxattr(directory / "m/cloud", "system.ntfs_reparse_data", REPARSE_ONEDRIVE)
    with loop(image) as attached:
        yield attached


def batch_by_batch(reader: EvidenceReader, files: Files, rules: ReadRules) -> list[FileResult]:
    """Read as a worker process does."""
    return reader.examine(PortableEngine(), files, rules)


def queued(reader: EvidenceReader, files: Files, rules: ReadRules) -> list[FileResult]:
    """Read through an engine that takes many batches at a time."""
    with closing(NativeEngine(rules, threads=2)) as engine:
        queue = EvidenceQueue(reader, engine)
        queue.submit(7, files, rules)
        asked: list[FileResult] = []
        streams: list[FileResult] = []
        while len(asked) < len(files.names):
            for owner, count, results in queue.take(len(files.names), 1.0):
                assert owner == 7
                asked += results[:count]
                streams += results[count:]
    assert {result.name for result in asked} == set(files.names)
    return sorted(asked, key=lambda result: files.names.index(result.name)) + streams


Reading = Callable[[EvidenceReader, Files, ReadRules], list[FileResult]]


@pytest.fixture(params=["batch by batch", "queued"])
def read(request: pytest.FixtureRequest) -> Reading:
    if request.param == "queued" and not is_available():
        pytest.skip("needs a C compiler")
    return queued if request.param == "queued" else batch_by_batch


def scanned(read: Reading, root: Path, rules: ReadRules = RULES) -> dict[bytes, FileResult]:
    """Walk and read like a scan."""
    facts = check_source(root)
    assert facts.ntfs
    results: dict[bytes, FileResult] = {}
    descriptor = open_root(facts.path_bytes)
    with EvidenceReader(facts.path_bytes, facts.identity, ntfs=facts.ntfs) as reader:
        for item in walk(descriptor, ntfs=facts.ntfs):
            if isinstance(item, Files):
                for result in read(reader, item, rules):
                    assert results.setdefault(os.path.join(item.directory, result.name), result) is result
    os.close(descriptor)
    return results


def sha256(content: bytes) -> tuple[bytes, ...]:
    return (hashlib.sha256(content).digest(),)


@needs_ntfs
def test_streams_are_examined_like_files(read: Reading, device: Path, tmp_path: Path) -> None:
    """Content, streams of files, of a directory and of the root: each has its own right digest."""
    expected = {name: sha256(content) for name, content in (CONTENT | ON_DIRECTORIES).items()}
    expected[b"dir/h"] = expected[b"plain"]
    with mounted_ntfs(device, tmp_path / "m") as root:
        results = scanned(read, root)
        assert check_source(root).streams_covered
    assert {name: result.digests for name, result in results.items()} == expected
    assert not [result for result in results.values() if result.failure]


@needs_ntfs
def test_streams_that_cannot_be_opened_are_known(read: Reading, device: Path, tmp_path: Path) -> None:
    """Mounted by default, files are read and every stream is streams_unreadable, not vanished."""
    with mounted_ntfs(device, tmp_path / "m", "ro") as root:
        results = scanned(read, root)
        assert not check_source(root).streams_covered
    assert set(results) == set(CONTENT | ON_DIRECTORIES) | {b"dir/h"}
    for name, result in results.items():
        unreadable = b":" in name
        assert result.failure is (FailureReason.STREAMS_UNREADABLE if unreadable else None)
        assert result.errno == (errno.ENOENT if unreadable else None)


@needs_ntfs
def test_streams_that_cannot_be_known_are_a_fact_of_the_source(read: Reading, device: Path, tmp_path: Path) -> None:
    """With streams_interface=none the facts say that streams are not covered; files are read."""
    with mounted_ntfs(device, tmp_path / "m", "ro,streams_interface=none") as root:
        results = scanned(read, root)
        assert not check_source(root).streams_covered
    assert not [name for name in results if b":" in name]


@needs_ntfs
def test_system_files_shown_do_not_break_the_walk(read: Reading, device: Path, tmp_path: Path) -> None:
    """With show_sys_files, $MFT (whose inode number is 0) and its kin are entries like others, streams included."""
    with mounted_ntfs(device, tmp_path / "m", "ro,show_sys_files,streams_interface=windows") as root:
        results = scanned(read, root)
    assert {b"$MFT", b"$Secure:$SDS", b"f:one"} <= set(results)


@needs_ntfs
def test_deferred_files_bring_their_streams_when_read(read: Reading, device: Path, tmp_path: Path) -> None:
    """A file put off has no stream results yet; a stream is never itself put off."""
    with mounted_ntfs(device, tmp_path / "m") as root:
        results = scanned(read, root, ReadRules((Algorithm.SHA256,), defer_links=True))
    assert {name for name, result in results.items() if result.deferred} == {b"plain", b"dir/h"}
    assert results[b"f:one"].digests == sha256(CONTENT[b"f:one"])


@needs_ntfs
def test_unsupported_reparse_point_is_not_examined(device: Path, tmp_path: Path) -> None:
    """What ntfs-3g shows as a link to "unsupported reparse tag" hides content; a true link is excluded."""
    with mounted_ntfs(device, tmp_path / "m") as root:
        tree = walked(root, ntfs=True)
    cloud = tree.entry(b"cloud")
    assert cloud.reason is FailureReason.UNSUPPORTED_REPARSE_TAG
    assert "0x9000701a" in cloud.note
    assert tree.entry(b"link").reason is ExclusionReason.SYMLINK


def test_other_file_systems_have_no_streams(tmp_path: Path) -> None:
    """No streams, and no error, where the attribute is unknown; absence of the file stays an error."""
    (tmp_path / "f").write_bytes(b"abc")
    assert list_streams(os.fsencode(tmp_path / "f")) == ()
    with pytest.raises(FileNotFoundError):
        list_streams(os.fsencode(tmp_path / "gone"))


def test_reader_refuses_another_root(tmp_path: Path) -> None:
    """A worker whose root is not the directory that was walked reads nothing."""
    status = tmp_path.stat()
    with pytest.raises(SourceUnusable, match="got another one"):
        EvidenceReader(os.fsencode(tmp_path), (status.st_dev, status.st_ino + 1))
    with pytest.raises(SourceUnusable, match="No such file"):
        EvidenceReader(os.fsencode(tmp_path / "gone"), (status.st_dev, status.st_ino))


def reader_of(root: Path, *, cross_mounts: bool = False) -> EvidenceReader:
    status = root.stat()
    return EvidenceReader(os.fsencode(root), (status.st_dev, status.st_ino), cross_mounts=cross_mounts)


def test_every_name_of_a_lost_directory_has_a_result(read: Reading, tmp_path: Path) -> None:
    """A directory that is gone, or became a link, before its batch is read: no name is lost."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("real")
    with reader_of(tmp_path) as reader:
        gone = read(reader, Files(b"gone", (b"a", b"b")), RULES)
        link = read(reader, Files(b"link", (b"a",)), RULES)
        sound = read(reader, Files(b"real", (b"a",)), RULES)
    assert [(r.name, r.failure) for r in gone] == [(b"a", FailureReason.VANISHED), (b"b", FailureReason.VANISHED)]
    assert [(r.failure, r.digests) for r in link] == [(FailureReason.UNSTABLE, ())]
    assert sound[0].digests == sha256(b"abc")


@needs_mounts
def test_file_bound_over_a_file_is_not_read(read: Reading, tmp_path: Path) -> None:
    """A single file of another file system mounted over one of the evidence is seen by its device."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/f").write_bytes(b"evidence")
    with mounted("none", tmp_path / "other", "tmpfs", "rw") as other:
        (other / "f").write_bytes(b"foreign")
        with mounted(other / "f", tmp_path / "root" / "f", None, "bind"):
            with reader_of(tmp_path / "root") as reader:
                (kept,) = read(reader, Files(b"", (b"f",)), RULES)
            with reader_of(tmp_path / "root", cross_mounts=True) as reader:
                (crossed,) = read(reader, Files(b"", (b"f",)), RULES)
    assert (kept.failure, kept.errno) == (FailureReason.UNSTABLE, errno.EXDEV)
    assert crossed.digests == sha256(b"foreign")
