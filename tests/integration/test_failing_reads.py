"""A file that could not be read whole and unchanged is not examined, with the reason; it is never a no_match."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from pathlib import Path

import pytest

from tests.evidence.mounting import needs, needs_root
from tests.integration import fanotify
from tests.integration.command import WRITABLE, Desk, Report, engines, find, make_files

VICTIMS = 200
BLOCKS = 60
needs_fanotify = pytest.mark.skipif(not fanotify.works(), reason="needs the right to use fanotify")


# What each engine reads with; of some calls the portable one makes another one first.
FIRST = {"portable": "read", "native": "preadv2"}
NEXT = {"portable": "readv", "native": "preadv2"}


def scan_with_error(desk: Desk, evidence: Path, file: Path, engine: str, number: int) -> tuple[Report, int]:
    """Scan while the n-th read of a file fails with EIO; return also how many bytes it gave before that."""
    calls, when = NEXT[engine], number
    if number == 1:
        calls = FIRST[engine]
    elif FIRST[engine] != calls:
        when = number - 1
    trace = desk.directory / f"trace-{calls}-{when}"
    strace = ("strace", "-f", "-qq", "-e", f"inject={calls}:error=EIO:when={when}", "-P", str(file), "-o", str(trace))
    report = desk.scan(evidence, *WRITABLE, "--workers", "1", "--engine", engine, before=strace, code=3)
    given = 0
    for line in trace.read_text().splitlines():
        if "EIO" in line:
            return report, given
        if found := re.search(r"read\w*\(.* = (\d+)$", line):
            given += int(found[1])
    raise AssertionError("no error was injected")


def check_error(report: Report, given: int, total: int) -> None:
    failures = report.failures()
    assert list(failures) == [b"victim"]
    row = failures[b"victim"]
    assert (row["reason"], row["errno"], row["error"]) == ("read_failed", errno.EIO, "EIO")
    assert row["offset"] == given
    assert report.outcomes == (0, total - 1, 1, 0)


@needs("strace")
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("number", [1, 2, 50])
def test_error_at_a_read(number: int, engine: str, listed: Desk, evidence: Path) -> None:
    """EIO at the n-th read of a file makes that file not examined, with errno and the offset, and no other."""
    check_error(*scan_at(number, engine, listed, evidence), total=4)


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize("engine", engines())
def test_error_at_every_read(engine: str, listed: Desk, evidence: Path) -> None:
    """EIO at read 1 to 50: the file is not examined each time, at the offset that strace saw."""
    offsets = []
    for number in range(1, 51):
        report, given = scan_at(number, engine, listed, evidence)
        check_error(report, given, total=4)
        offsets.append(given)
    assert offsets == sorted(set(offsets))


def scan_at(number: int, engine: str, desk: Desk, evidence: Path) -> tuple[Report, int]:
    if not (evidence / "victim").exists():
        for name in ("before", "other", "later"):
            (evidence / name).write_text(name)
        (evidence / "victim").write_bytes(os.urandom(1 << 20) * (BLOCKS // 4))
    return scan_with_error(desk, evidence, evidence / "victim", engine, number)


@needs("strace")
@pytest.mark.parametrize("engine", engines())
def test_errors_in_many_files(engine: str, listed: Desk, evidence: Path) -> None:
    """Of 300 files every third fails at its read: exactly so many are not examined, all others are."""
    make_files(evidence, 300)
    strace = (
        "strace",
        "-f",
        "-qq",
        "-o",
        str(listed.directory / "trace"),
        "-e",
        f"inject={FIRST[engine]}:error=EIO:when=3+3",
    )
    paths = [
        word for path in find(evidence, "-type", "f") for word in ("-P", os.fsdecode(bytes(evidence) + b"/" + path))
    ]
    words = (*WRITABLE, "--workers", "1", "--engine", engine)
    report = listed.scan(evidence, *words, before=(*strace, *paths), code=3)
    assert report.outcomes == (0, 200, 100, 1)
    assert {(row["reason"], row["errno"], row["offset"]) for row in report.rows("not_examined")} == {
        ("read_failed", errno.EIO, 0)
    }


@needs("strace")
def test_error_while_listing(listed: Desk, evidence: Path) -> None:
    """EIO from a directory's listing makes the directory not examined; what lies elsewhere is examined."""
    for name in ("fails", "sound"):
        (evidence / name).mkdir()
        (evidence / name / "file").write_text(name)
    strace = ("strace", "-f", "-qq", "-e", "inject=getdents64:error=EIO", "-P", str(evidence / "fails"))
    report = listed.scan(evidence, *WRITABLE, before=strace, code=3)
    row = report.failures()[b"fails"]
    assert (row["reason"], row["errno"]) == ("directory_unreadable", errno.EIO)
    assert report.outcomes == (0, 1, 1, 1)


@needs_root
@needs("setpriv")
def test_files_that_may_not_be_read(listed: Desk, evidence: Path) -> None:
    """Files and directories without permission are not examined, each with EACCES, and their neighbours are."""
    make_files(evidence, VICTIMS * 2, each_directory=VICTIMS * 2)
    for path in sorted((evidence / "d00000").iterdir())[::2]:
        path.chmod(0)
    for number in range(VICTIMS):
        (evidence / f"closed {number}").mkdir(mode=0)
    report = listed.scan(evidence, *WRITABLE, before=("setpriv", "--bounding-set=-all"), code=3)
    rows = list(report.failures().values())
    assert {(row["reason"], row["errno"]) for row in rows} == {
        ("open_failed", errno.EACCES),
        ("directory_unreadable", errno.EACCES),
    }
    assert report.counts["not_examined_reasons"] == {"directory_unreadable": VICTIMS, "open_failed": VICTIMS}
    assert report.outcomes == (0, VICTIMS, 2 * VICTIMS, 1)


def _truncate(descriptor: int) -> None:
    os.ftruncate(descriptor, 3)


def _append(descriptor: int) -> None:
    os.pwrite(descriptor, b"more", os.fstat(descriptor).st_size)


def _rewrite(descriptor: int) -> None:
    os.pwrite(descriptor, b"C", 0)


@needs_fanotify
@pytest.mark.parametrize("size", [20, 300_000])
@pytest.mark.parametrize("change", [_truncate, _append, _rewrite])
def test_files_that_change_while_they_are_read(change: object, size: int, listed: Desk, evidence: Path) -> None:
    """A file that is cut, grows or is written to between opening and reading is unstable or partial, 200 of 200."""
    assert callable(change)
    make_files(evidence, VICTIMS, content="{:0>%d}" % size)  # noqa: UP031 - the field's width is what is filled in
    (evidence / "stays").write_text("as it is")
    changed: set[str] = set()

    def at_first_read(_event: int, descriptor: int, name: str) -> None:
        if name not in changed:
            changed.add(name)
            change(descriptor)

    with fanotify.before(fanotify.ACCESS, [evidence / "d00000"], at_first_read):
        report = listed.scan(evidence, *WRITABLE, code=3)
    assert len(changed) == VICTIMS
    assert report.outcomes == (0, 1, VICTIMS, 1)
    assert {row["reason"] for row in report.rows("not_examined")} <= {"unstable", "partial"}


@needs_fanotify
def test_files_that_vanish(listed: Desk, evidence: Path) -> None:
    """Files that are gone between listing and opening are not examined: vanished, 200 of 200."""
    make_files(evidence, VICTIMS + 1)
    first: list[str] = []

    def remove_others(_event: int, _descriptor: int, name: str) -> None:
        if not first:
            first.append(name)
            for path in (evidence / "d00000").iterdir():
                if path.name != name:
                    path.unlink()

    with fanotify.before(fanotify.OPEN, [evidence / "d00000"], remove_others):
        report = listed.scan(evidence, *WRITABLE, "--workers", "1", code=3)
    assert report.outcomes == (0, 1, VICTIMS, 1)
    assert {(row["reason"], row["errno"]) for row in report.rows("not_examined")} == {("vanished", errno.ENOENT)}


def test_tree_that_never_rests(desk: Desk, evidence: Path) -> None:
    """While files come, go and change, each listed entry ends in one outcome, and what did not change is right."""
    make_files(evidence, 2_000)
    (evidence / "churn").mkdir()
    desk.list_digests(hashlib.sha256(f"content of file {number}".encode()).hexdigest() for number in range(2_000))
    ended = threading.Event()

    def churn() -> None:
        number = 0
        while not ended.is_set():
            path = evidence / "churn" / f"file {number % 300}"
            path.write_bytes(b"x" * (number % 5_000))
            with path.open("ab") as file:
                file.truncate(number % 700)
            if number % 3 == 0:
                path.unlink()
            number += 1

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        output = desk.output()
        done = desk.run("scan", evidence, "--output", output, *WRITABLE)
    finally:
        ended.set()
        thread.join()
    assert done.returncode in (0, 3), done.stderr.decode()
    report = Report(output)
    flagged, _, failed, _ = report.outcomes
    assert flagged == 2_000
    assert all(path.startswith(b"churn/") for path in report.failures())
    assert done.returncode == (3 if failed else 0)
