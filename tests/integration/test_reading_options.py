"""`scan` with the options that say what is read, and in which order, as a person gives them."""

from __future__ import annotations

from pathlib import Path

from tests.integration.command import WRITABLE, Desk, make_files, sha256


def sized_list(desk: Desk, *files: Path, without: tuple[str, ...] = ()) -> None:
    """Take in a list of files with their sizes, and of digests without one."""
    rows = [f"{sha256(file)},{file.stat().st_size}\n" for file in files] + [f"{digest},\n" for digest in without]
    path = desk.directory / "sized.csv"
    path.write_text("sha256,size\n" + "".join(rows))
    desk.take_in(path, "--format", "csv", list_id="sized")


def test_skip_by_size_reads_only_what_can_be_listed(desk: Desk, evidence: Path) -> None:
    """The same result digest with less read, and the summary says so."""
    make_files(evidence, 200)
    (evidence / "listed").write_bytes(b"listed content, of a size of its own")
    sized_list(desk, evidence / "listed")
    plain = desk.scan(evidence, *WRITABLE)
    output = desk.output()
    done = desk.run("scan", evidence, "--output", output, "--skip-by-size", *WRITABLE)
    assert done.returncode == 0, done.stderr.decode()
    skipping = type(plain)(output)
    assert skipping.digest == plain.digest
    assert skipping.paths("flags") == [b"listed"]
    assert skipping.counts["no_match_by_size"] == 200
    assert skipping.counts["bytes_read"] == (evidence / "listed").stat().st_size
    unread = skipping.counts["bytes_not_read"]
    assert f"200 of no_match by their size alone: {unread:,} bytes not read" in done.stdout.decode()
    assert b"by their size" not in desk.run("scan", evidence, "--output", desk.output(), *WRITABLE).stdout


def test_skip_by_size_is_refused_where_sizes_are_missing(desk: Desk, evidence: Path) -> None:
    """A usage error that names the list; there is no output directory afterwards."""
    (evidence / "listed").write_bytes(b"listed")
    sized_list(desk, evidence / "listed", without=("0123456789abcdef" * 4,))
    done = desk.run("scan", evidence, "--output", desk.output(), "--skip-by-size", *WRITABLE)
    assert done.returncode == 2
    assert b"list sized release 1 gives no size for 1 of its 2 entries" in done.stderr
    assert not desk.output().exists()


def test_likely_files_first_is_the_same_result(desk: Desk, evidence: Path) -> None:
    """Ready sets and patterns together; the report names them, and the summary tells the time to the first flag."""
    make_files(evidence, 600)
    (evidence / "d00001" / "DCIM").mkdir()
    (evidence / "d00001" / "DCIM" / "listed").write_bytes(b"listed content")
    desk.list_digests([sha256(evidence / "d00001" / "DCIM" / "listed")])
    plain = desk.scan(evidence, *WRITABLE)
    output = desk.output()
    done = desk.run("scan", evidence, "--output", output, "--first", "pictures", "--first", "d*/*7", *WRITABLE)
    assert done.returncode == 0, done.stderr.decode()
    first = type(plain)(output)
    assert first.digest == plain.digest
    assert first.document["options"]["first"] == ["pictures", "d*/*7"]
    for report in (plain, first):
        assert 0 < report.document["first_flag_seconds"] < 600
    assert f"first flag after {first.document['first_flag_seconds']:.1f} s" in done.stdout.decode()
    assert desk.run("scan", evidence, "--output", desk.output(), "--first", "", *WRITABLE).returncode == 2
