"""The books balance: everything that find(1) sees is in the report once, and nothing depends on the workers."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.evidence.mounting import needs
from tests.integration.command import WRITABLE, Desk, Report, find, make_files, sha256sum

COUNTS = [20_000, pytest.param(100_000, marks=pytest.mark.slow)]


def make_tree(root: Path, count: int) -> None:
    """Make files of which some are empty, equal or linked, among directories and links."""
    make_files(root, count)
    for number in range(50):
        (root / f"empty {number}").touch()
        (root / f"again {number}").write_text("content of file 7")
        (root / f"another name {number}").hardlink_to(root / "d00000" / f"f{number:07}")
        (root / f"link {number}").symlink_to("d00000")
        (root / f"no files {number}" / "in here").mkdir(parents=True)
    (root / "larger").write_bytes(os.urandom(3_000_001))


@pytest.mark.parametrize("count", COUNTS)
def test_seen_is_what_find_sees(count: int, desk: Desk, evidence: Path) -> None:
    """With every file on a list, flags, exclusions and failures together are find's output byte for byte."""
    make_tree(evidence, count)
    files = find(evidence, "-type", "f")
    desk.list_digests(sorted(set(sha256sum(evidence, files).values())), kind="known")
    report = desk.scan(evidence, *WRITABLE)
    seen = [path for name in ("flags", "not_examined", "excluded") for path in report.paths(name)]
    assert b"\0".join(sorted(seen)) == b"\0".join(find(evidence))
    full = find(evidence, "-type", "f", "-not", "-empty")
    assert report.paths("flags") == full
    assert report.outcomes == (len(full), 0, 0, len(seen) - len(full))
    once = {(s.st_dev, s.st_ino): s.st_size for s in (os.lstat(os.path.join(os.fsencode(evidence), p)) for p in files)}
    assert report.counts["bytes_read"] == sum(once.values())
    assert report.counts["hard_links"] == len(files) - len(once)
    assert report.document["status"] == "complete"


def test_result_digest_does_not_depend_on_workers(desk: Desk, evidence: Path) -> None:
    """Five runs with 1, 2 and 8 workers have one result digest, and files of findings that are equal."""
    make_tree(evidence, 3_000)
    desk.list_digests(hashlib.sha256(f"content of file {number}".encode()).hexdigest() for number in range(0, 3_000, 3))
    reports = [desk.scan(evidence, *WRITABLE, "--workers", str(workers)) for workers in (1, 2, 8, 2, 8)]
    assert len({report.digest for report in reports}) == 1
    for name in ("flags.jsonl", "flags.csv", "not_examined.jsonl", "excluded.jsonl"):
        assert len({(report.directory / name).read_bytes() for report in reports}) == 1
    second_names = len(range(0, 50, 3))
    assert reports[0].counts["match"] == 1_000 + second_names


def test_result_digest_depends_on_the_evidence(desk: Desk, evidence: Path) -> None:
    """A file that is renamed, or grows by a byte, changes the result digest, and taking it back restores it."""
    make_files(evidence, 20)
    desk.list_digests([hashlib.sha256(b"content of file 3").hexdigest()])
    digests = [desk.scan(evidence, *WRITABLE).digest]
    file = evidence / "d00000" / "f0000003"
    file.rename(file.with_name("renamed"))
    digests.append(desk.scan(evidence, *WRITABLE).digest)
    file.with_name("renamed").rename(file)
    file.write_text("content of file 3!")
    digests.append(desk.scan(evidence, *WRITABLE).digest)
    file.write_text("content of file 3")
    assert len(set(digests)) == 3
    assert desk.scan(evidence, *WRITABLE).digest == digests[0]


@needs("hashdeep")
def test_results_equal_other_tools(desk: Desk, evidence: Path) -> None:
    """Of 10,000 files the flags are those that hashdeep finds on the same list, and that sha256sum and comm find."""
    make_tree(evidence, 10_000)
    names = desk.directory / "names"  # told by name, as hashdeep -r follows links to directories
    names.write_bytes(b"".join(b"./%b\n" % path for path in find(evidence, "-type", "f")))
    command = ["hashdeep", "-c", "md5,sha1,sha256", "-l", "-f", str(names)]
    hashed = subprocess.run(command, cwd=evidence, capture_output=True, check=True).stdout.splitlines(keepends=True)
    head, lines = hashed[:5], hashed[5:]
    listed = desk.directory / "half.hashdeep"
    listed.write_bytes(b"".join(head + [line for line in lines[::2] if not line.startswith(b"0,")]))
    desk.take_in(listed, "--format", "hashdeep")
    report = desk.scan(evidence, *WRITABLE)
    matching = [*command, "-m", "-k", str(listed)]
    theirs = subprocess.run(matching, cwd=evidence, capture_output=True, check=False).stdout.splitlines()
    assert report.paths("flags") == sorted(line.removeprefix(b"./") for line in theirs)
    assert {row["flags"][0]["strength"] for row in report.rows("flags")} == {"strong"}
    chosen = {line.split(b",")[3].decode() for line in lines[::2] if not line.startswith(b"0,")}
    sums = sha256sum(evidence, find(evidence, "-type", "f"))
    assert report.paths("flags") == sorted(path for path, digest in sums.items() if digest in chosen)


def test_parallel_scans_share_a_store(desk: Desk, evidence: Path) -> None:
    """Four scans that run against one store at once all complete, with one result digest, and leave no view behind."""
    make_tree(evidence, 1_000)
    desk.list_digests(hashlib.sha256(f"content of file {number}".encode()).hexdigest() for number in range(500))
    outputs = [desk.directory / f"parallel-{number}" for number in range(4)]
    running = [desk.start("scan", evidence, "--output", output, *WRITABLE) for output in outputs]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert len({Report(output).digest for output in outputs}) == 1
    assert [path.name for path in (desk.store / "views").iterdir() if path.is_dir()] == []
