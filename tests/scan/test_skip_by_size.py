"""Files that are told by their size alone: the same result, less read, and counted apart."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from hashmatch.errors import UsageError
from hashmatch.hashlists.entries import ListType
from tests.evidence.mounting import loop, mounted_ntfs, needs_ntfs, ntfs_image
from tests.scan.dict_snapshot import DictList, digests_of
from tests.scan.scanning import Report, Scans

OUTCOMES = ("match", "no_match", "not_examined", "excluded")


def sized(*contents: bytes, list_id: str = "notable-1") -> DictList:
    listed = DictList(list_id)
    for content in contents:
        listed.listing(content, size=len(content))
    return listed


def counts_of(report: Report) -> Any:
    counts = report.head["counts"]
    assert counts["seen"] == sum(counts[outcome] for outcome in OUTCOMES)
    assert counts["no_match_by_size"] <= counts["no_match"]
    return counts


def lines_of(report: Report) -> list[bytes]:
    return [path.read_bytes() for path in sorted(report.directory.iterdir()) if path.name != "report.json"]


def test_the_result_is_the_same_and_less_is_read(scans: Scans, source: Path) -> None:
    """A tree of random sizes with hard links, empty files and kinds of every sort: one result digest, one set of lines.

    What was not read and what was read add up to what is read without the option.
    """
    chance = random.Random(5)
    lists = (
        sized(*(chance.randbytes(size) for size in range(1, 60)), list_id="bad"),
        sized(*(chance.randbytes(size) for size in (100, 300_000)), list_id="good"),
    )
    lists[1].list_type = ListType.KNOWN
    for number in range(600):
        path = source / f"d{number % 7}" / f"f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice((0, 1, 40, 59, 60, 99, 100, 101, 300_000, 300_001))))
        if chance.random() < 0.2:
            os.link(path, source / f"link{number}")
    for number in range(40):
        (source / f"listed{number}").write_bytes(random.Random(5).randbytes(1))
    os.mkfifo(source / "fifo")
    (source / "link").symlink_to("fifo")
    plain, skipping = scans(*lists), scans(*lists, skip_by_size=True, workers=2)
    assert skipping.head["result_digest"] == plain.head["result_digest"]
    assert lines_of(skipping) == lines_of(plain)
    before, after = counts_of(plain), counts_of(skipping)
    assert [after[each] for each in ("seen", *OUTCOMES)] == [before[each] for each in ("seen", *OUTCOMES)]
    assert after["match"] >= 40
    assert (before["no_match_by_size"], before["bytes_not_read"]) == (0, 0)
    assert after["bytes_read"] + after["bytes_not_read"] == before["bytes_read"]
    assert 0 < after["no_match_by_size"] < after["no_match"]
    unlisted = [path for path in source.rglob("*") if path.is_file() and path.stat().st_size in (60, 99, 101, 300_001)]
    assert after["no_match_by_size"] == len([path for path in unlisted if not path.is_symlink()])


def test_a_file_of_several_names_counts_under_each_and_its_bytes_once(scans: Scans, source: Path) -> None:
    """`no_match_by_size` is a part of `no_match`, which counts names; bytes are those of the content."""
    (source / "a").write_bytes(b"x" * 1000)
    (source / "z").write_bytes(b"listed")
    for number in range(4):
        os.link(source / "a", source / f"b{number}")
        os.link(source / "z", source / f"y{number}")
    counts = counts_of(scans(sized(b"listed"), skip_by_size=True))
    assert (counts["no_match"], counts["no_match_by_size"], counts["bytes_not_read"]) == (5, 5, 1000)
    assert (counts["match"], counts["bytes_read"], counts["hard_links"]) == (5, 6, 8)


def test_empty_and_failing_files_keep_their_outcomes(scans: Scans, source: Path) -> None:
    """An empty file is excluded, one too large is not examined, whatever sizes are listed."""
    (source / "empty").touch()
    (source / "large").write_bytes(b"x" * 100)
    report = scans(sized(b"listed"), skip_by_size=True, max_file_size=50)
    assert report.reasons == {b"empty": "empty", b"large": "budget"}
    assert counts_of(report)["no_match_by_size"] == 0


def test_the_report_says_what_it_means(scans: Scans, source: Path) -> None:
    """The option, and a limit in words where it was used; neither where it was not."""
    (source / "file").write_bytes(b"other content")
    skipping, plain = scans(sized(b"listed"), skip_by_size=True), scans(sized(b"listed"))
    assert [head["options"]["skip_by_size"] for head in (skipping.head, plain.head)] == [True, False]
    assert [any("skip-by-size" in limit for limit in head["limits"]) for head in (skipping.head, plain.head)] == [
        True,
        False,
    ]


def test_a_listed_digest_with_another_size_is_what_it_cannot_see(scans: Scans, source: Path) -> None:
    """Read, it is a conflict; by its size alone it is none. The limits of the report name this case."""
    (source / "file").write_bytes(b"collision")
    listed = DictList(rows=[(digests_of(b"collision"), 0, 5)])
    assert scans(listed).flags == {b"file": [("notable-1", "conflict")]}
    report = scans(listed, skip_by_size=True)
    assert report.flags == {}
    assert any("conflict), was not seen" in limit for limit in report.head["limits"])


def test_a_list_without_sizes_is_refused_before_anything_is_written(scans: Scans, tmp_path: Path) -> None:
    """One entry of one list that gives no size, and no file can be told by its size."""
    with pytest.raises(UsageError, match="gives no size"):
        scans(sized(b"listed"), sized(b"other").listing(b"without"), skip_by_size=True)
    assert not (tmp_path / "outputs").exists()


@needs_ntfs
def test_a_stream_is_told_by_its_own_size(scans: Scans, tmp_path: Path) -> None:
    """A stream of a listed size beside content of another one is read, and the other way about."""
    image = ntfs_image(tmp_path / "image")
    contents = {
        b"f": b"listed",
        b"f:s": b"of another size",
        b"g": b"of yet another size",
        b"g:s": b"listed",
        b"h": b"abcdef",
    }
    where = tmp_path / "made"
    with loop(image, read_only=False) as device, mounted_ntfs(device, where, "streams_interface=windows"):
        for name, content in contents.items():
            with open(os.path.join(os.fsencode(where), name), "wb") as file:
                file.write(content)
    with loop(image) as device, mounted_ntfs(device, tmp_path / "m") as root:
        plain, skipping = (scans(sized(b"listed"), source=root, skip_by_size=skip) for skip in (False, True))
    assert skipping.head["result_digest"] == plain.head["result_digest"]
    assert set(skipping.flags) == {b"f", b"g:s"}
    by_size = counts_of(skipping)["no_match_by_size"]
    unread = counts_of(plain)["bytes_read"] - counts_of(skipping)["bytes_read"]
    assert by_size >= 2
    assert counts_of(skipping)["bytes_not_read"] == unread >= 15 + 19
