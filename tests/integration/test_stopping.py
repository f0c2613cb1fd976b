"""Scans that are stopped, robbed of a worker or out of disk; and what a person sees on a terminal meanwhile."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.evidence.mounting import mounted, needs_mounts
from tests.integration.command import WRITABLE, Desk, Process, Report, engines, find, make_files, sha256sum
from tests.integration.processes import at_rest, readers, takes_by_default, wait_for

SMALL = 3_000


@pytest.fixture
def long_evidence(evidence: Path) -> Path:
    """Return a tree of small files and, in the directory that is walked after them, one that takes long to read."""
    for number in range(SMALL):
        (evidence / f"small {number}").write_text(f"content {number}")
    (evidence / "slow").mkdir()
    with (evidence / "slow" / "large").open("wb") as file:
        file.truncate(1 << 40)
    return evidence


def list_half(desk: Desk, evidence: Path) -> list[bytes]:
    """List every second small file; return their paths."""
    chosen = find(evidence, "-maxdepth", "1", "-type", "f")[::2]
    desk.list_digests(sha256sum(evidence, chosen).values())
    return chosen


def started(desk: Desk, evidence: Path, output: Path, *words: str) -> tuple[Process, list[int]]:
    """Start a scan and wait until it reads the large file; return which processes do."""
    process = desk.start("scan", evidence, "--output", output, *WRITABLE, *words)
    reading = wait_for(lambda: process.poll() is not None or readers(process.pid, evidence / "slow" / "large"))
    assert isinstance(reading, list), process.communicate()
    return process, reading


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, engine: str, desk: Desk, long_evidence: Path) -> None:
    """Ctrl-C at the terminal, or SIGTERM, ends in a report marked interrupted with what was examined until then."""
    chosen = set(list_half(desk, long_evidence))
    process, _ = started(desk, long_evidence, desk.directory / "report", "--engine", engine)
    wait_for(lambda: at_rest(process.pid, but_for=1))  # all but the large file has been read
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    report = Report(desk.directory / "report")
    assert report.document["status"] == "interrupted"
    assert any("interrupted" in warning for warning in report.document["warnings"])
    assert sum(report.outcomes) + report.counts["not_reached"] == len(find(long_evidence))
    assert set(report.paths("flags")) <= chosen
    assert SMALL / 2 < report.counts["match"] + report.counts["no_match"] <= SMALL
    assert b"slow/large" not in report.paths("flags") + report.paths("not_examined") + report.paths("excluded")
    assert (report.directory / "flags.jsonl").exists()


@pytest.mark.parametrize("engine", engines())
def test_second_interrupt_insists(engine: str, listed: Desk, long_evidence: Path) -> None:
    """A second Ctrl-C ends the scan at once, without a report that would look whole."""
    process, _ = started(listed, long_evidence, listed.directory / "report", "--engine", engine)
    os.killpg(process.pid, signal.SIGINT)
    wait_for(lambda: takes_by_default(process.pid, signal.SIGTERM))  # that the first one was taken
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    if (listed.directory / "report" / "report.json").exists():
        assert Report(listed.directory / "report").document["status"] == "interrupted"


@pytest.mark.parametrize("engine", engines())
def test_no_process_outlives_a_killed_scan(engine: str, listed: Desk, long_evidence: Path) -> None:
    """When the scan itself is killed its workers end, there is no report, and the next scan sweeps its view."""
    process, workers = started(listed, long_evidence, listed.directory / "report", "--engine", engine)
    process.kill()
    process.communicate(timeout=120)
    wait_for(lambda: not any(os.path.exists(f"/proc/{worker}/exe") for worker in workers))
    assert not (listed.directory / "report" / "report.json").exists()
    (long_evidence / "slow" / "large").unlink()
    listed.scan(long_evidence, *WRITABLE)
    assert [path for path in (listed.store / "views").iterdir() if path.is_dir()] == []


def test_worker_that_is_killed_once(desk: Desk, long_evidence: Path) -> None:
    """A worker that is killed amid a scan is replaced; the scan is complete and nothing is lost."""
    os.truncate(long_evidence / "slow" / "large", 1 << 30)
    chosen = list_half(desk, long_evidence)
    process = killed_at_reading(desk, long_evidence)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    report = Report(desk.directory / "report")
    assert report.paths("flags") == chosen
    assert report.outcomes == (len(chosen), SMALL - len(chosen) + 1, 0, 1)


def killed_at_reading(desk: Desk, evidence: Path) -> Process:
    """Start a scan and kill one worker that surely has the large file open, however late this process is."""
    while True:
        process, (worker, *_) = started(desk, evidence, desk.directory / "report", "--engine", "portable")
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGSTOP)
            if worker in readers(process.pid, evidence / "slow" / "large"):
                os.kill(worker, signal.SIGKILL)
                return process
            os.kill(worker, signal.SIGCONT)
        process.communicate(timeout=300)
        shutil.rmtree(desk.directory / "report")


def test_file_that_kills_each_worker(desk: Desk, long_evidence: Path) -> None:
    """A file at which every worker dies is not examined, for that reason; all others are."""
    chosen = list_half(desk, long_evidence)
    process, _ = started(desk, long_evidence, desk.directory / "report", "--engine", "portable")
    while process.poll() is None:
        for worker in readers(process.pid, long_evidence / "slow" / "large"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.02)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 3, said
    report = Report(desk.directory / "report")
    assert {path: row["reason"] for path, row in report.failures().items()} == {b"slow/large": "worker_crashed"}
    assert report.paths("flags") == chosen
    assert report.outcomes == (len(chosen), SMALL - len(chosen), 1, 1)


@needs_mounts
@pytest.mark.parametrize("kibibytes", [4, 1024])
def test_disk_full(kibibytes: int, desk: Desk, evidence: Path, tmp_path: Path) -> None:
    """Where the output's disk fills, at whatever point, the scan ends with its own code and without report.json."""
    make_files(evidence, 1)
    for number in range(3_000):
        (evidence / f"{number:0>250}").write_text("all the same")
    desk.list_digests(sha256sum(evidence, find(evidence, "-type", "f")).values())
    with mounted("none", tmp_path / "disk", "tmpfs", f"size={kibibytes}k") as disk:
        done = desk.run("scan", evidence, "--output", disk / "report", *WRITABLE)
        assert done.returncode == 18, done.stderr
        assert b"No space left" in done.stderr
        assert b"Traceback" not in done.stderr
        assert not (disk / "report" / "report.json").exists()


def test_terminal(desk: Desk, evidence: Path) -> None:
    """On a terminal there is a bar with files, rate and ETA; elsewhere no control character is printed."""
    make_files(evidence, 2_000)
    (evidence / "\x1b]0;NAME\x07").write_text("content")
    desk.list_digests(sha256sum(evidence, [b"\x1b]0;NAME\x07"]).values())
    shown = b""
    ours, theirs = pty.openpty()
    process = desk.start("scan", evidence, "--output", desk.directory / "report", *WRITABLE, terminal=theirs)
    os.close(theirs)
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        try:
            shown += os.read(ours, 65_536)
        except OSError:  # the other end has been closed
            break
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "━" in text
    assert re.search(r"2,001 files.*MB/s.*ETA.*1 matches", text)
    assert "]0;" not in text
    assert "COMPLETE: 2,005 entries seen" in text
    plain = desk.run("scan", evidence, "--output", desk.output(), *WRITABLE)
    assert not re.search(rb"[^\n -~]", plain.stdout + plain.stderr)
