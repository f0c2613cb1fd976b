"""Whole scans of real trees: every entry has one outcome, and the report says so."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from hashmatch.digests import Algorithm
from hashmatch.errors import OutputUnusable, SourceUnusable, StoreDamaged, UsageError
from hashmatch.hashlists.entries import ListType
from hashmatch.reports.flags import FlagLines
from hashmatch.reports.header import CaseFields
from tests.evidence.mounting import needs_mounts, run
from tests.scan.dict_snapshot import DictList, DictSnapshot, digests_of
from tests.scan.scanning import Scans, found_by_find

MD5, SHA1, SHA256 = Algorithm.MD5, Algorithm.SHA1, Algorithm.SHA256


def plant(source: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_flags_what_is_listed_and_counts_the_rest(scans: Scans, source: Path) -> None:
    """A notable match is not hidden by a known one, and everything adds up."""
    plant(source, {"a/one": b"notable", "a/two": b"known", "b/three": b"both", "four": b"neither", "b/none": b""})
    notable = DictList("bad", list_type=ListType.NOTABLE).listing(b"notable", b"both", category=1)
    known = DictList("good", list_type=ListType.KNOWN).listing(b"known", b"both", algorithms=[MD5])
    report = scans(notable, known, case=CaseFields("C-1", examiner="E"))
    assert report.flags == {
        b"a/one": [("bad", "strong")],
        b"a/two": [("good", "weak_only")],
        b"b/three": [("bad", "strong"), ("good", "weak_only")],
    }
    counts = report.head["counts"]
    assert [counts[k] for k in ("seen", "match", "no_match", "not_examined", "excluded")] == [7, 3, 1, 0, 3]
    assert counts["excluded_reasons"] == {"directory": 2, "empty": 1}
    assert counts["notable_and_known"] == 1
    assert counts["bytes_read"] == sum(map(len, (b"notable", b"known", b"both", b"neither")))
    assert report.head["status"] == report.summary.status == "complete"
    assert report.head["case"] == "C-1"
    assert sorted(os.listdir(report.directory)) == [
        "excluded.jsonl", "flags.csv", "flags.jsonl", "not_examined.jsonl", "report.json",
    ]  # fmt: skip


def test_each_match_is_told_as_it_is_found(scans: Scans, source: Path) -> None:
    """A match is given once for each name, links' included, and its line is the one that the report has."""
    plant(source, {f"{n}/f{n}": b"listed" for n in range(40)} | {f"{n}/other": b"other" for n in range(40)})
    os.link(source / "3/f3", source / "link")
    known = DictList().listing(b"listed", category=1)
    flag_lines, told = FlagLines([known]), list[bytes]()
    report = scans(known, flagged=lambda finding: told.append(flag_lines.line(finding)))
    assert len(told) == 41
    assert sorted(told) == sorted((report.directory / "flags.jsonl").read_bytes().splitlines(keepends=True))


def test_no_digest_is_in_any_output(scans: Scans, source: Path) -> None:
    """Of listed and of other files alike, in no spelling."""
    plant(source, {"one": b"listed", "two": b"other"})
    report = scans()
    everything = b"".join(path.read_bytes() for path in report.directory.iterdir()).lower()
    for content in (b"listed", b"other"):
        for digest in digests_of(content).values():
            assert digest.hex().encode() not in everything
            assert digest not in everything


def test_sees_exactly_what_find_sees(scans: Scans, source: Path) -> None:
    """The set of entries, their kinds and the bytes read are those that other tools report."""
    fill(source, random.Random(7), files=1_500)
    report = scans(workers=2)
    named = report.reasons.keys() | report.flags.keys()
    everything, files = found_by_find(source), found_by_find(source, "-type", "f")
    counts = report.head["counts"]
    assert counts["seen"] == len(everything)
    assert counts["match"] + counts["no_match"] == len(files) - len(found_by_find(source, "-type", "f", "-empty"))
    assert named - files == everything - files
    read = sum(int(size) for size in run("find", source, "-type", "f", "-printf", "%s ").split())
    assert counts["bytes_read"] == read
    for reason, kind in (("directory", "d"), ("symlink", "l"), ("fifo", "p"), ("socket", "s")):
        of_kind = found_by_find(source, "-type", kind)
        assert {path for path, each in report.reasons.items() if each == reason} == of_kind


def fill(source: Path, chance: random.Random, files: int) -> None:
    directories = [source]
    for number in range(files):
        if chance.random() < 0.1:
            directories.append(chance.choice(directories) / f"d{number}")
            directories[-1].mkdir()
        path = chance.choice(directories) / f"f{number}"
        path.write_bytes(chance.randbytes(chance.choice((0, 1, 100, 5_000, 70_000))))
    (source / "dangling").symlink_to("nowhere")
    (source / "out").symlink_to("/etc")
    os.mkfifo(source / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(source, os.O_PATH)
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)


def test_the_result_does_not_depend_on_the_workers(scans: Scans, source: Path) -> None:
    """1, 2 and 8 workers and a repeated run give one result digest and the same lines."""
    fill(source, random.Random(8), files=400)
    for number in range(20):
        os.link(source / "fifo", source / f"fifo{number}")
        plant(source, {f"planted/{number}": b"listed"})
    reports = [scans(workers=workers) for workers in (1, 2, 8, 1)]
    assert len({report.head["result_digest"] for report in reports}) == 1
    for name in ("flags.jsonl", "flags.csv", "not_examined.jsonl", "excluded.jsonl"):
        assert len({(report.directory / name).read_bytes() for report in reports}) == 1


def test_hard_links_are_read_once_and_reported_under_each_name(scans: Scans, source: Path) -> None:
    """The bytes count once; every name has the outcome, in whatever directory it lies."""
    plant(source, {"a/first": b"listed", "other/first": b"x" * 1000, "empty/first": b""})
    for number in range(50):
        for name in ("a", "other", "empty"):
            (source / f"{number}").mkdir(exist_ok=True)
            os.link(source / name / "first", source / f"{number}/{name}")
    report = scans(workers=2)
    counts = report.head["counts"]
    assert counts["bytes_read"] == len(b"listed") + 1000
    assert counts["hard_links"] == 150
    assert set(report.flags) == {b"a/first", *(b"%d/a" % n for n in range(50))}
    assert (counts["match"], counts["no_match"], counts["excluded_reasons"]["empty"]) == (51, 51, 51)
    assert counts["seen"] == len(found_by_find(source))


NAMES = (
    b"line\nbreak", b"\x1b[31mred", b"=cmd|' calc'!A0", b"+1", b"-1", b"@x", b"bad\xff\xfe utf8",
    b"\xe2\x80\xaegpj.exe", b'quo"te', b"comma,name", b"back\\slash", b"tab\tcr\r", b"\xc2\x85",
    b" ", b"'", b"n" * 255, b"colon:stream",
)  # fmt: skip


def test_names_survive_and_do_no_harm(scans: Scans, source: Path) -> None:
    """One record is one line, and each name comes back byte for byte."""
    chance = random.Random(9)
    allowed = bytes(set(range(1, 256)) - {0x2F})
    fuzzed = {bytes(chance.choices(allowed, k=chance.randint(1, 60))) for _ in range(1_000)} - {b".", b".."}
    names = {*NAMES, *fuzzed}
    for name in names:
        with open(os.fsencode(source) + b"/" + name, "wb") as file:
            file.write(b"listed")
    report = scans()
    assert set(report.flags) == names
    table = (report.directory / "flags.csv").read_bytes()
    assert table.count(b"\r\n") == len(names) + 1
    assert not set(table.replace(b"\r\n", b"")) & {*range(32), 127}


def test_a_lookup_that_fails_is_not_no_match(scans: Scans, source: Path) -> None:
    """The file is listed as not examined, the others are not held up."""
    plant(source, {"one": b"listed", "two": b"unlucky"})
    broken = frozenset({hashlib.sha1(b"unlucky").digest()})
    report = scans(snapshot=DictSnapshot([DictList().listing(b"listed")], broken))
    assert report.reasons == {b"two": "lookup_failed"}
    assert report.head["status"] == "incomplete"
    assert set(report.flags) == {b"one"}


@pytest.mark.parametrize("alive", [0, 1])
def test_lists_that_stop_answering_make_no_report(scans: Scans, source: Path, alive: int) -> None:
    """A canary that is not found, before or after, is an error and never an empty match."""
    plant(source, {"one": b"listed"})
    snapshot = DictSnapshot([DictList().listing(b"listed")], canaries_alive=alive)
    with pytest.raises(StoreDamaged):
        scans(snapshot=snapshot)
    assert not list(scans.source.parent.glob("outputs/*/report.json"))


def test_digests_that_cannot_find_an_entry_are_refused(scans: Scans, source: Path) -> None:
    """A silent `no match` must not be possible."""
    plant(source, {"one": b"listed"})
    sha1_only = DictList("sha1s").listing(b"x", algorithms=[SHA1])
    with pytest.raises(UsageError, match="sha1s release 2024-01 has entries with sha1 only, which md5 cannot find"):
        scans(sha1_only, digests=(MD5,))
    report = scans(DictList().listing(b"listed"), digests=(MD5,))
    assert report.flags == {b"one": [("notable-1", "weak_only")]}
    assert report.head["options"]["digests"] == ["md5"]


def test_refusals_leave_nothing_behind(scans: Scans, source: Path, tmp_path: Path) -> None:
    """A writable source without a reason, an output beneath the evidence, one that is in use."""
    with pytest.raises(SourceUnusable, match="read-only"):
        scans(allow_writable=None)
    with pytest.raises(SourceUnusable, match="outside the evidence"):
        scans(output=source / "report")
    with pytest.raises(SourceUnusable, match="outside the evidence"):
        scans(kept_outside=(source / "store",))
    with pytest.raises(UsageError, match="not empty"):
        scans(output=tmp_path)
    with pytest.raises(UsageError, match="workers"):
        scans(workers=0)
    assert list(source.iterdir()) == []
    assert not (tmp_path / "outputs").exists()


def test_a_report_of_a_writable_source_says_so(scans: Scans) -> None:
    """With the reason given, and that the list was unsigned."""
    head = scans().head
    assert head["source"]["allow_writable"] == "a test's own tree"
    assert any("could be written to" in warning and "a test's own tree" in warning for warning in head["warnings"])
    assert any("unsigned" in warning for warning in head["warnings"])


def test_a_stopped_scan_reports_what_it_had(scans: Scans, source: Path) -> None:
    """The report is marked interrupted, adds up, and says how much was listed and not read."""
    fill(source, random.Random(10), files=3_000)
    report = scans(stopped=stopping_after(30))
    counts = report.head["counts"]
    assert report.head["status"] == report.summary.status == "interrupted"
    assert 0 < counts["seen"] < 3_000
    assert counts["seen"] == sum(counts[k] for k in ("match", "no_match", "not_examined", "excluded"))
    assert any("interrupted" in warning for warning in report.head["warnings"])
    assert "journal" in os.listdir(report.directory)


def stopping_after(questions: int) -> Callable[[], bool]:
    asked = itertools.count()
    return lambda: next(asked) >= questions


def test_a_stop_during_links_reports_the_rest_as_not_reached(scans: Scans, source: Path) -> None:
    """Names of a file that was not read have no outcome, and are counted as such."""
    plant(source, {"a": b"listed"})
    os.link(source / "a", source / "b")
    os.mkdir(source / "z")
    left: set[tuple[str, int, int]] = set()
    for questions in range(12):
        head = scans(stopped=stopping_after(questions)).head
        left.add((head["status"], head["counts"]["seen"], head["counts"]["not_reached"]))
    # Before the walk, after it and before the links, and not at all.
    assert {("interrupted", 0, 0), ("interrupted", 1, 2), ("complete", 3, 0)} <= left
    assert all(not_reached == 0 for status, _, not_reached in left if status == "complete")


def test_a_file_too_large_is_listed(scans: Scans, source: Path) -> None:
    """A limit never makes a file disappear."""
    plant(source, {"large": b"x" * 100, "small": b"listed"})
    report = scans(max_file_size=50)
    assert report.reasons == {b"large": "budget"}
    assert report.head["status"] == "incomplete"


@needs_mounts
def test_a_full_output_is_an_error_and_no_report(scans: Scans, source: Path, tmp_path: Path) -> None:
    """At whatever point the space runs out, there is no report.json that looks whole."""
    fill(source, random.Random(11), files=1_000)
    small = tmp_path / "small"
    small.mkdir()
    outcomes = set()
    for pages in range(1, 100, 7):
        run("mount", "-t", "tmpfs", "-o", f"size={pages * 4}k", "none", small)
        try:
            scans(output=small / "report")
            outcomes.add("whole")
            break
        except OutputUnusable:
            assert not (small / "report" / "report.json").exists()
            outcomes.add("refused")
        finally:
            run("umount", small)
    assert outcomes == {"refused", "whole"}
