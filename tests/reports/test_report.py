"""The files of a report: one record a line, safe to open, no more than flags."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.errors import OutputUnusable, UsageError
from hashmatch.hashlists.entries import Category, ListType
from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength
from hashmatch.reports import flags, flags_csv
from hashmatch.reports.counts import FindingCounts, ReadingCounts
from hashmatch.reports.findings import Finding, FlagNames, NoMatches
from hashmatch.reports.header import CaseFields, ScanHeader
from hashmatch.reports.output import ReportFile, prepare, write_last
from hashmatch.reports.report import Listed, write_findings, write_summary
from hashmatch.reports.result_digest import NO_MATCH_FORMS, ResultDigest, line
from tests.scan.dict_snapshot import DictList

LISTS = [
    DictList("notable-1", "2024-01", ListType.NOTABLE),
    DictList("known-1", "7", ListType.KNOWN, categories=(None,), signature="signed"),
]
STRONG, WEAK, CONFLICT = Strength.STRONG, Strength.WEAK_ONLY, Strength.CONFLICT


def match(path: bytes, *agreements: Agreement, size: int = 5) -> Finding:
    return Finding(path, False, Outcome.MATCH, None, None, None, size, 11, agreements)


def no_match(path: bytes, size: int = 5) -> Finding:
    return Finding(path, False, Outcome.NO_MATCH, None, None, None, size, 12)


FAILED = Finding(b"bad", False, Outcome.NOT_EXAMINED, FailureReason.READ_FAILED, 5, 4096, 9000, 13)
EMPTY = Finding(b"empty", False, Outcome.EXCLUDED, ExclusionReason.EMPTY, None, None, 0, 14)
STREAM = Finding(b"f:s", True, Outcome.MATCH, None, None, None, 3, 15, (Agreement(0, 2, CONFLICT),))
BOTH = match(b"x", Agreement(0, 1, STRONG), Agreement(0, 2, STRONG), Agreement(1, 0, WEAK))
FINDINGS = [FAILED, EMPTY, STREAM, no_match(b"n"), BOTH]


def lines(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def write(directory: Path, findings: list[Finding]) -> Listed:
    return write_findings(directory, findings, LISTS, "5" * 64, len(findings))


def test_each_outcome_has_its_file(tmp_path: Path) -> None:
    """Flags, failures and exclusions are listed; what did not match is counted only."""
    listed = write(tmp_path, FINDINGS)
    flag = {"list": "notable-1", "release": "2024-01", "type": "notable", "scheme": "vics"}
    known = {"list": "known-1", "release": "7", "type": "known", "scheme": None, "category": None}
    assert lines(tmp_path / "flags.jsonl") == [
        {
            "path": "f:s", "stream": True, "size": 3, "inode": 15,
            "flags": [{**flag, "category": "2", "strength": "conflict"}],
        },
        {
            "path": "x", "size": 5, "inode": 11,
            "flags": [
                {**flag, "category": "1", "strength": "strong"},
                {**flag, "category": "2", "strength": "strong"},
                {**known, "strength": "weak_only"},
            ],
        },
    ]  # fmt: skip
    assert lines(tmp_path / "not_examined.jsonl") == [
        {
            "path": "bad", "reason": "read_failed", "errno": 5, "error": "EIO", "offset": 4096, "size": 9000,
            "inode": 13,
        }
    ]  # fmt: skip
    assert lines(tmp_path / "excluded.jsonl") == [{"path": "empty", "reason": "empty", "inode": 14}]
    assert listed.counts.seen == 5
    assert listed.counts.notable_and_known == 1
    assert listed.counts.by_list["notable-1", "2024-01", STRONG] == 1
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


@given(st.binary(min_size=1).filter(lambda name: 0 not in name), st.text(min_size=1))
def test_one_finding_is_one_line_and_one_row(name: bytes, category: str) -> None:
    """Neither the evidence nor the list can add a line, a cell or a formula, and the name comes back."""
    named = FlagNames([DictList(categories=(None, Category("s", category)))])
    finding = match(name, Agreement(0, 1, STRONG))
    line = flags.flags_line(finding, named.flags(finding.agreements))
    assert line.count(b"\n") == 1
    fields = orjson.loads(line)
    assert base64.b64decode(fields["path_b64"]) == name if "path_b64" in fields else fields["path"].encode() == name
    table = flags_csv.flag_rows(finding, named.flags(finding.agreements))
    assert table.endswith(b"\r\n")
    (row,) = csv.reader(io.StringIO(table.decode(), newline=""), strict=True)
    assert len(row) == len(flags_csv.COLUMNS)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert all(cell.isprintable() for cell in row)


def test_the_table_follows_rfc_4180(tmp_path: Path) -> None:
    """A head, CRLF ends, quotes where needed."""
    write(tmp_path, [match(b'=cmd|, "x"', Agreement(0, 1, STRONG))])
    assert (tmp_path / "flags.csv").read_bytes() == (
        b"path,path_b64,stream,size,inode,list,release,type,scheme,category,strength\r\n"
        b'"\'=cmd|, ""x""",,,5,11,notable-1,2024-01,notable,vics,1,strong\r\n'
    )


def test_counts_that_do_not_add_up_make_no_report(tmp_path: Path) -> None:
    """A finding less than entries is an error, whichever outcome it would have had."""
    with pytest.raises(AssertionError, match="6 entries were seen, 5 are"):
        write_findings(tmp_path, FINDINGS, LISTS, "5" * 64, 6)


def header(**changes: Any) -> ScanHeader:
    facts: dict[str, Any] = {
        "case": CaseFields("C-1", "X/2", "A. Examiner", "warrant 7"),
        "source": {"path": "/mnt/x"},
        "source_warnings": ("recent files may be invisible",),
        "snapshot_id": "5" * 64,
        "engine": "portable",
        "started": datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone(timedelta(hours=2))),
        "ended": datetime(2024, 1, 2, 4, 0, 0, tzinfo=UTC),
        "status": "incomplete",
        "not_reached": 0,
        "first_flag_seconds": 1.5,
        "options": {"workers": 2},
    }
    return ScanHeader(**{**facts, **changes})


def test_the_head_says_under_which_circumstances(tmp_path: Path) -> None:
    """Case, source, lists, tools, times in UTC, counts, limits; and what a reader must be warned of."""
    listed = write(tmp_path, FINDINGS)
    path = write_summary(tmp_path, header(), LISTS, listed, ReadingCounts(bytes_read=17, hard_links=2))
    report = orjson.loads(path.read_bytes())
    assert [report[k] for k in ("case", "exhibit", "examiner", "legal_authority")] == [
        "C-1", "X/2", "A. Examiner", "warrant 7",
    ]  # fmt: skip
    assert (report["started"], report["ended"]) == ("2024-01-02T01:04:05.678Z", "2024-01-02T04:00:00.000Z")
    counts = report["counts"]
    assert counts["seen"] == counts["match"] + counts["no_match"] + counts["not_examined"] + counts["excluded"] == 5
    assert counts["not_examined_reasons"] == {"read_failed": 1}
    assert counts["excluded_reasons"] == {"empty": 1}
    assert counts["matches_by_strength"] == {"strong": 1, "weak_only": 1, "conflict": 1}
    assert counts["bytes_read"] == 17
    warnings = " ".join(report["warnings"])
    assert "notable-1 release 2024-01 is unsigned" in warnings
    assert "known-1" not in warnings
    assert "recent files may be invisible" in warnings
    assert any("not in list known-1 release 7, by exact hash" in limit for limit in report["limits"])
    assert "clean" not in path.read_text()
    assert {"hashmatch", "python", "openssl", "plyvel", "kernel", "engine"} <= set(report["tools"])


def digest(findings: list[Finding], snapshot: str = "5" * 64) -> str:
    value, named = ResultDigest(snapshot), FlagNames(LISTS)
    for finding in findings:
        value.add(finding, named.flags(finding.agreements))
    return value.hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([EMPTY, STREAM, no_match(b"n"), BOTH], id="one-less"),
        pytest.param([*FINDINGS[:3], no_match(b"m"), BOTH], id="path"),
        pytest.param([*FINDINGS[:3], no_match(b"n", size=6), BOTH], id="size"),
        pytest.param([*FINDINGS[:4], BOTH._replace(agreements=BOTH.agreements[:2])], id="flag"),
        pytest.param([FAILED._replace(reason=FailureReason.PARTIAL), *FINDINGS[1:]], id="reason"),
        pytest.param([*FINDINGS[:2], STREAM._replace(is_stream=False), *FINDINGS[3:]], id="stream"),
    ],
)
def test_the_result_digest_covers_the_result(changed: list[Finding]) -> None:
    """Whatever is said of the evidence changes it; so does another snapshot."""
    assert digest(changed) != digest(FINDINGS)
    assert digest(FINDINGS, "6" * 64) != digest(FINDINGS)


def test_the_result_digest_leaves_out_what_one_mount_decides() -> None:
    """Inodes, error numbers and offsets differ between two mounts of one image."""
    other = [each._replace(inode=99, errno=None, offset=None) for each in FINDINGS]
    assert digest(other) == digest(FINDINGS)


def test_the_form_of_the_result_digest_is_fixed() -> None:
    """A report made today must be comparable with one of next year; change the form's number if this changes."""
    lines = (
        b'["hashmatch result 2","' + b"5" * 64 + b'"]\n',
        b"bad\0entry not_examined read_failed 9000 -\n",
        b"empty\0entry excluded empty 0 -\n",
        b'f:s\0stream match - 3 [["notable-1","2024-01","notable","vics","2","conflict"]]\n',
        b"n\0entry no_match - 5 -\n",
        b'x\0entry match - 5 [["known-1","7","known",null,null,"weak_only"],',
        b'["notable-1","2024-01","notable","vics","1","strong"],["notable-1","2024-01","notable","vics","2","strong"]]\n',
    )
    assert digest(FINDINGS) == hashlib.sha256(b"".join(lines)).hexdigest()
    assert digest(FINDINGS) == "d200db29dd33b44f509bcdf7aef41a1c04f29fe38d7a90456afb046ea2bf88c4"


def test_what_matches_nothing_may_come_together(tmp_path: Path) -> None:
    """Counts and result digest are those of findings that come one by one."""
    plain = [no_match(b"m/%d" % n, size=n + 1) for n in range(3)]
    together = NoMatches([NO_MATCH_FORMS[False] % (b"m/%d" % n, n + 1) for n in range(3)])
    forms: dict[str, list[Finding | NoMatches]] = {"one": [FAILED, *plain, BOTH], "many": [FAILED, together, BOTH]}
    results = []
    for name, findings in forms.items():
        (tmp_path / name).mkdir()
        results.append(write_findings(tmp_path / name, findings, LISTS, "5" * 64, 5))
    assert results[0] == results[1]


def test_another_outcome_never_passes_for_no_match(tmp_path: Path) -> None:
    """Among those that come together each has to say so itself, whatever its name says."""
    foreign = line(FAILED._replace(path=b"entry no_match - "), ())
    together = NoMatches([NO_MATCH_FORMS[True] % (b"n", 1), foreign])
    with pytest.raises(AssertionError, match="another outcome"):
        write_findings(tmp_path, [together], LISTS, "5" * 64, 2)


def test_results_are_never_mixed(tmp_path: Path) -> None:
    """An output directory is new, for its owner only, or empty."""
    new = tmp_path / "a" / "b"
    prepare(new)
    assert new.stat().st_mode & 0o777 == 0o700
    prepare(new)
    (new / ".hidden").touch()
    with pytest.raises(UsageError, match="not empty"):
        prepare(new)
    with pytest.raises(UsageError, match="got a file"):
        prepare(new / ".hidden")


def test_a_disk_that_refuses_is_an_error_of_the_output(tmp_path: Path) -> None:
    """Neither a line nor the last file is lost in silence."""
    with ReportFile(tmp_path, "lines") as file, open("/dev/full", "wb") as full:
        os.dup2(full.fileno(), file._file.fileno())
        file.write(b"line\n")
        with pytest.raises(OutputUnusable, match="No space left"):
            file.finish()
    with pytest.raises(OutputUnusable):
        write_last(tmp_path / "absent", "report.json", b"{}")


def test_counts_tell_files_not_flags() -> None:
    """A file under two categories of one list is one file of that list."""
    counts = FindingCounts()
    counts.add(BOTH, FlagNames(LISTS).flags(BOTH.agreements))
    assert counts.strengths == {STRONG: 1, WEAK: 1}
