"""What is read first: an order, and nothing but an order."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.digests import Algorithm
from hashmatch.errors import OutputUnusable, UsageError
from hashmatch.evidence.tree import Files
from hashmatch.hashlists.postings import Posting
from hashmatch.scan.later import Later
from hashmatch.scan.request import ScanRequest
from hashmatch.scan.run import scan
from tests.evidence.mounting import loop, mounted_ntfs, needs_ntfs, ntfs_image
from tests.scan.dict_snapshot import DictList, DictSnapshot, digests_of
from tests.scan.scanning import STARTED, Report, Scans, found_by_find
from tests.scan.test_scan import fill, plant, stopping_after

OUTCOMES = ("match", "no_match", "not_examined", "excluded")


@dataclass
class Watching(DictSnapshot):
    """Keeps the MD5s it was asked for, in their order."""

    asked: list[bytes] = field(default_factory=list)

    def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:
        if algorithm is Algorithm.MD5:
            self.asked.append(digest)
        return super().find(algorithm, digest)


def watching() -> Watching:
    return Watching([DictList().listing(b"listed")])


def named(*names: str) -> dict[str, bytes]:
    """Return files whose content is their name."""
    return {name: name.encode() for name in names}


def order(known: Watching, files: dict[str, bytes]) -> list[str]:
    names = {digests_of(content)[Algorithm.MD5]: name for name, content in files.items()}
    return [names[digest] for digest in known.asked]


def test_order_never_changes_the_result(scans: Scans, source: Path) -> None:
    """Places, names, ready sets, patterns of everything and of nothing, on several workers: one result."""
    fill(source, random.Random(12), files=800)
    for number in range(20):
        plant(source, {f"Pictures/{number}.JPG": b"listed", f"{number}/x.jpg": b"listed %d" % number})
        os.link(source / f"{number}/x.jpg", source / f"Pictures/link{number}")
    chosen: list[list[str]] = [
        [], ["*.jpg"], ["pictures"], ["d1*", "f*5"], ["d*/d*"], ["*"], ["nothing"], ["videos", "f7*", "*/f8*"],
    ]  # fmt: skip
    reports = [scans(first=tuple(first), workers=1 + number % 2) for number, first in enumerate(chosen)]
    assert len({report.head["result_digest"] for report in reports}) == 1
    for name in ("flags.jsonl", "flags.csv", "not_examined.jsonl", "excluded.jsonl"):
        assert len({(report.directory / name).read_bytes() for report in reports}) == 1
    counts = [report.head["counts"] for report in reports]
    assert counts == [counts[0]] * len(chosen)
    assert counts[0]["seen"] == len(found_by_find(source))
    assert [report.head["options"]["first"] for report in reports] == chosen


def test_likely_files_are_read_first_wherever_they_lie(scans: Scans, source: Path) -> None:
    """First the likely places and names of the whole tree, then all the rest, each file once."""
    likely = named("a/deep/er/1.jpg", "z/2.JPG", "Users/ann/Pictures/3", "Users/ann/Pictures/sub/4", "5.jpg")
    others = named("a/1", "m/2", "Users/ann/3", "Pictures/4", "z/5.jp", "6")
    plant(source, likely | others)
    known = watching()
    scans(snapshot=known, first=("*.jpg", "users/*/pictures"))
    read = order(known, likely | others)
    assert set(read[: len(likely)]) == set(likely)
    assert sorted(read) == sorted(likely | others)


def test_a_likely_place_is_found_before_others_are_listed(scans: Scans, source: Path) -> None:
    """A path leads to its place at once: its files come before those of any other directory that matches by name."""
    files = named(*(f"{letter}/{n}/x.jpg" for letter in "abcyz" for n in range(5)), "Users/ann/Pictures/first")
    plant(source, files)
    known = watching()
    scans(snapshot=known, first=("Users/*/Pictures", "*.jpg"))
    assert order(known, files)[0] == "Users/ann/Pictures/first"


def test_a_tree_that_changes_before_the_rest_is_read(
    scans: Scans, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every entry that was listed has one outcome: what went since is named as vanished, what came was not listed.

    The change falls between the walk and the reading of the rest.
    """
    files = named("likely.jpg", "rest/goes", "rest/stays", "rest/becomes", "rest/grows", "moved/one", "moved/two")
    plant(source, files)

    def change() -> None:
        (source / "rest/goes").unlink()
        (source / "rest/becomes").unlink()
        (source / "rest/becomes").symlink_to("stays")
        (source / "rest/grows").write_bytes(b"listed")
        (source / "moved").rename(source / "elsewhere")
        plant(source, named("rest/new.jpg", "new.jpg", "rest/new", "elsewhere/three"))

    put_off = Later.files

    def changed(later: Later) -> Iterator[Files]:
        change()
        return put_off(later)

    monkeypatch.setattr(Later, "files", changed)
    report = scans(first=("*.jpg",))
    assert {path: reason for path, reason in report.reasons.items() if reason != "directory"} == {
        b"rest/goes": "vanished", b"rest/becomes": "unstable", b"moved/one": "vanished", b"moved/two": "vanished",
    }  # fmt: skip
    assert set(report.flags) == {b"rest/grows"}
    counts = report.head["counts"]
    assert counts["seen"] == len(files) + 2 == sum(counts[outcome] for outcome in OUTCOMES)
    assert counts["no_match"] == 2
    assert report.head["status"] == "incomplete"


def test_a_stopped_scan_counts_what_was_put_off(scans: Scans, source: Path) -> None:
    """Wherever it is stopped, what was listed and has no outcome is counted as not reached."""
    plant(source, named("a.jpg", "b.jpg", *(f"rest/{n}" for n in range(10))))
    seen = set()
    for questions in range(14):
        report = scans(stopped=stopping_after(questions), first=("*.jpg",))
        counts = report.head["counts"]
        seen.add((report.head["status"], counts["seen"], counts["not_reached"]))
        kept = ["journal"] if report.head["status"] == "interrupted" else []
        assert sorted(os.listdir(report.directory)) == [
            "excluded.jsonl", "flags.csv", "flags.jsonl", *kept, "not_examined.jsonl", "report.json",
        ]  # fmt: skip
    # Before the walk; after it, with ten names put off; and not at all.
    assert {("interrupted", 0, 0), ("interrupted", 3, 10), ("complete", 13, 0)} <= seen
    assert all(seen_ + not_reached in (0, 2, 12, 13) for _, seen_, not_reached in seen)


@needs_ntfs
def test_streams_of_directories_are_put_off_as_such(scans: Scans, tmp_path: Path) -> None:
    """A directory's streams keep their kind on the way through the disk, and their place in the report."""
    image = ntfs_image(tmp_path / "image")
    with loop(image, read_only=False) as device, mounted_ntfs(device, tmp_path / "made", "streams_interface=windows"):
        (tmp_path / "made/dir").mkdir()
        for name in ("dir:s", "dir/file", "dir/file:s", "x.jpg"):
            (tmp_path / "made" / name).write_bytes(b"listed")
    with loop(image) as device, mounted_ntfs(device, tmp_path / "m") as root:
        plain, first = scans(source=root), scans(source=root, first=("*.jpg",))
    assert set(first.flags) == {b"dir:s", b"dir/file", b"dir/file:s", b"x.jpg"}
    assert first.head["result_digest"] == plain.head["result_digest"]
    assert (first.directory / "flags.jsonl").read_bytes() == (plain.directory / "flags.jsonl").read_bytes()


def test_the_time_to_the_first_flag_is_told(scans: Scans, source: Path, tmp_path: Path) -> None:
    """Seconds from the start, by the scan's clock; none where nothing was found. The result digest is without it."""
    plant(source, {"one": b"listed", "two": b"listed", "three": b"other"})
    digests = set()
    for number, seconds in enumerate((2.5, 7.25)):
        ticks = iter((STARTED + timedelta(seconds=seconds), STARTED + timedelta(hours=1)))
        report = timed(source, tmp_path / str(number), ticks.__next__)
        assert report.head["first_flag_seconds"] == seconds
        assert report.head["ended"] == "2024-05-06T08:08:09.000Z"
        digests.add(report.head["result_digest"])
    assert len(digests) == 1
    (source / "one").unlink()
    (source / "two").unlink()
    assert scans().head["first_flag_seconds"] is None


def test_a_flag_under_several_names_is_a_flag(scans: Scans, source: Path) -> None:
    """Hard links are entered at the end; where they alone match, that is the first flag."""
    plant(source, {"one": b"listed"})
    os.link(source / "one", source / "two")
    assert scans().head["first_flag_seconds"] == 0.0


def timed(source: Path, output: Path, clock: Callable[[], datetime]) -> Report:
    request = ScanRequest(source, output, workers=1, allow_writable="a test's own tree")
    return Report(output, scan(request, DictSnapshot([DictList().listing(b"listed")]), STARTED, clock))


def test_a_pattern_of_nothing_is_refused_before_anything_is_written(scans: Scans, tmp_path: Path) -> None:
    """It could match nothing, and would look like a choice."""
    with pytest.raises(UsageError, match="first"):
        scans(first=("*.jpg", "a//b"))
    assert not (tmp_path / "outputs").exists()


names = st.binary(min_size=1, max_size=20).filter(lambda name: not {0, 0x2F} & set(name))
batches = st.builds(
    Files,
    st.lists(names, max_size=4).map(b"/".join),
    st.lists(names, min_size=1, max_size=5).map(tuple),
    streams=st.booleans(),
    later=st.just(True),
)


@hypothesis_settings(deadline=None)
@given(st.lists(batches, max_size=30))
def test_what_is_put_off_comes_back(put_off: list[Files]) -> None:
    """Every batch of any names, once, in the order it came."""
    with TemporaryDirectory() as temporary, Later(Path(temporary)) as later:
        for files in put_off:
            later.put_off(files)
        assert list(later.files()) == [files._replace(later=False) for files in put_off]


def test_damage_to_what_was_put_off_is_an_error(tmp_path: Path) -> None:
    """A flipped byte cannot turn a name into another one."""
    with Later(tmp_path) as later:
        later.put_off(Files(b"dir", (b"name",)))
        assert list(later.files()) == [Files(b"dir", (b"name",))]
        scratch = later._batches._frames
        (last,) = scratch.octets(scratch.end - 1, 1)
        os.pwrite(scratch._file, bytes([last ^ 1]), scratch.end - 1)
        with pytest.raises(OutputUnusable):
            list(later.files())
    assert not (tmp_path / "later.names").exists()
