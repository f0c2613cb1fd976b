"""Scans that are stopped, robbed of a worker or out of disk; and what a person sees on a terminal meanwhile."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

import pytest

from tests.evidence.mounting import mounted, needs_mounts
from tests.integration.command import WRITABLE, Desk, Process, Report, find, make_files, sha256sum
from tests.integration.processes import readers, wait_for

SMALL = 3_000


@pytest.fixture
def long_evidence(evidence: Path) -> Path:
    """Return a tree of small files and, in a directory beside them, one that takes long to read."""
    make_files(evidence, SMALL, each_directory=SMALL)
    os.rename(evidence / "d00000", evidence / "small")
    (evidence / "slow").mkdir()
    with (evidence / "slow" / "large").open("wb") as file:
        file.truncate(1 << 40)
    return evidence


def listed(desk: Desk, evidence: Path) -> list[bytes]:
    """List every second small file; return their paths."""
    chosen = find(evidence / "small", "-type", "f")[::2]
    desk.list_digests(sha256sum(evidence / "small", chosen).values())
    return [b"small/" + path for path in chosen]


def started(desk: Desk, evidence: Path, output: Path, *words: str) -> tuple[Process, list[int]]:
    """Start a scan and wait until it reads the large file; return which processes do."""
    process = desk.start("scan", evidence, "--output", output, *WRITABLE, *words)
    reading = wait_for(lambda: process.poll() is not None or readers(process.pid, evidence / "slow" / "large"))
    assert isinstance(reading, list), process.communicate()
    return process, reading


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, desk: Desk, long_evidence: Path) -> None:
    """Ctrl-C at the terminal, or SIGTERM, ends in a report marked interrupted with what was examined until then."""
    chosen = set(listed(desk, long_evidence))
    process, _ = started(desk, long_evidence, desk.directory / "report")
    wait_for(lambda: _quiet(desk.directory / "report"), seconds=20)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    report = Report(desk.directory / "report")
    assert report.document["status"] == "interrupted"
    assert any("interrupted" in warning for warning in report.document["warnings"])
    assert sum(report.outcomes) + report.counts["not_reached"] == len(find(long_evidence))
    assert set(report.paths("flags")) <= chosen
    assert report.counts["not_reached"] >= 1
    assert b"slow/large" not in report.paths("flags") + report.paths("not_examined") + report.paths("excluded")
    assert (report.directory / "flags.jsonl").exists()


def _quiet(output: Path) -> bool:
    """Tell that the small files have had their time: a second since the journal was begun."""
    return (output / "journal").exists() and time.time() - (output / "journal").stat().st_ctime > 1


def test_second_interrupt_insists(desk: Desk, long_evidence: Path) -> None:
    """A second Ctrl-C ends the scan at once, without a report that would look whole."""
    listed(desk, long_evidence)
    process, _ = started(desk, long_evidence, desk.directory / "report")
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    process.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert process.returncode == 130
    if (desk.directory / "report" / "report.json").exists():
        assert Report(desk.directory / "report").document["status"] == "interrupted"


def test_no_process_outlives_a_killed_scan(desk: Desk, long_evidence: Path) -> None:
    """When the scan itself is killed its workers end, there is no report, and the next scan sweeps its view."""
    listed(desk, long_evidence)
    process, workers = started(desk, long_evidence, desk.directory / "report")
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: not any(os.path.exists(f"/proc/{worker}/exe") for worker in workers), seconds=10)
    assert not (desk.directory / "report" / "report.json").exists()
    (long_evidence / "slow" / "large").unlink()
    desk.scan(long_evidence, *WRITABLE)
    assert [path for path in (desk.store / "views").iterdir() if path.is_dir()] == []


def test_worker_that_is_killed_once(desk: Desk, long_evidence: Path) -> None:
    """A worker that is killed amid a scan is replaced; the scan is complete and nothing is lost."""
    os.truncate(long_evidence / "slow" / "large", 1 << 28)
    chosen = listed(desk, long_evidence)
    process, (worker, *_) = started(desk, long_evidence, desk.directory / "report")
    os.kill(worker, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    report = Report(desk.directory / "report")
    assert report.paths("flags") == chosen
    assert report.outcomes == (len(chosen), SMALL - len(chosen) + 1, 0, 2)


def test_file_that_kills_each_worker(desk: Desk, long_evidence: Path) -> None:
    """A file at which every worker dies is not examined, for that reason; all others are."""
    chosen = listed(desk, long_evidence)
    process, _ = started(desk, long_evidence, desk.directory / "report")
    while process.poll() is None:
        for worker in readers(process.pid, long_evidence / "slow" / "large"):
            os.kill(worker, signal.SIGKILL)
        time.sleep(0.02)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    report = Report(desk.directory / "report")
    assert {path: row["reason"] for path, row in report.failures().items()} == {b"slow/large": "worker_crashed"}
    assert report.paths("flags") == chosen
    assert report.outcomes == (len(chosen), SMALL - len(chosen), 1, 2)


@needs_mounts
@pytest.mark.parametrize("kibibytes", [4, 64, 256, 1024])
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
    assert "COMPLETE: 2,006 entries seen" in text
    plain = desk.run("scan", evidence, "--output", desk.output(), *WRITABLE)
    assert not re.search(rb"[^\n -~]", plain.stdout + plain.stderr)
