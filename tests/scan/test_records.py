"""Findings survive the journal byte for byte and come out by path."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.hashing.engine import NO_STAMP
from hashmatch.matching import Agreement
from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome, Strength
from hashmatch.reports.findings import Finding, NoMatches
from hashmatch.scan.journal import Journal
from hashmatch.scan.reading import PLAIN, READING_BYTES
from hashmatch.scan.records import decode, decode_line, encode, encode_no_matches, path_and_kind, reading_in

paths = st.binary(min_size=1, max_size=60).filter(lambda path: 0 not in path)
agreements = st.builds(Agreement, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from(Strength))
findings = st.builds(
    Finding,
    path=paths,
    is_stream=st.booleans(),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from([*ExclusionReason, *FailureReason]),
    errno=st.none() | st.integers(0, 4095),
    offset=st.none() | st.integers(0, 2**63 - 1),
    size=st.integers(0, 2**63 - 1),
    inode=st.integers(0, 2**64 - 1),
    agreements=st.lists(agreements, max_size=4).map(tuple),
)


def one_by_one(given: Iterable[Finding | NoMatches]) -> list[Finding]:
    """Take those apart that the journal gives together."""
    taken: list[Finding] = []
    for each in given:
        taken += map(decode_line, each.lines) if isinstance(each, NoMatches) else [each]
    return taken


@given(findings, st.binary(min_size=READING_BYTES, max_size=READING_BYTES))
def test_a_record_gives_back_its_finding(finding: Finding, reading: bytes) -> None:
    """Encoding loses nothing, types included; nor how the file was read."""
    record = encode(finding, reading)
    again = decode(record)
    assert reading_in(record) == reading
    assert path_and_kind(record) == (finding.path, finding.is_stream)
    assert again == finding
    assert list(map(type, again)) == list(map(type, finding))


def test_reasons_have_names_of_their_own() -> None:
    """An exclusion and a failure with one name would be one record."""
    assert not {str(r) for r in ExclusionReason} & {str(r) for r in FailureReason}


@settings(deadline=None)
@given(st.lists(findings, max_size=30, unique_by=lambda finding: finding.path))
def test_the_journal_gives_findings_by_path(entered: list[Finding]) -> None:
    """Order is that of the path bytes: `a` before `a/b`, `a!` before both `a/b` and `aa`."""
    with tempfile.TemporaryDirectory() as directory, Journal.begin(Path(directory), {}, run_bytes=200) as journal:
        for finding in entered:
            journal.add(finding)
        assert one_by_one(journal.findings()) == sorted(entered, key=lambda finding: finding.path)
        assert len(journal) == len(entered)


@settings(deadline=None)
@given(
    st.lists(st.tuples(paths, st.integers(0, 2**63 - 1)), max_size=30, unique_by=lambda file: file[0]), st.booleans()
)
def test_what_matches_nothing_is_written_together(files: list[tuple[bytes, int]], is_stream: bool) -> None:
    """It makes the records that findings entered one by one would."""
    with tempfile.TemporaryDirectory() as directory, Journal.begin(Path(directory), {}, run_bytes=200) as journal:
        stamped = [(path, size, NO_STAMP) for path, size in files]
        journal.extend(encode_no_matches(b"a/", stamped, PLAIN, is_stream=is_stream))
        assert one_by_one(journal.findings()) == [
            Finding(b"a/" + path, is_stream, Outcome.NO_MATCH, None, None, None, size, 0)
            for path, size in sorted(files)
        ]
        assert len(journal) == len(files)


def test_the_journal_says_what_it_is(tmp_path: Path) -> None:
    """Its head names the format, its version and the scan."""
    with Journal.begin(tmp_path, {"snapshot": "5555"}):
        head = (tmp_path / "journal").read_bytes()
    assert b'{"hashmatch":"journal","format":3,"snapshot":"5555"}' in head
