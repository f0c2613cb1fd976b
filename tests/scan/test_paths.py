"""Names that a directory gives twice: one finding of each path stands, the others are not examined."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome
from hashmatch.reports.findings import Finding, NoMatches
from hashmatch.scan.paths import one_entry_a_path
from hashmatch.scan.records import decode, encode, is_plain_no_match, plain_lines
from tests.scan.test_records import one_by_one

REASONS = {
    Outcome.MATCH: None,
    Outcome.NO_MATCH: None,
    Outcome.NOT_EXAMINED: FailureReason.READ_FAILED,
    Outcome.EXCLUDED: ExclusionReason.FIFO,
}
FINDINGS = st.lists(
    st.builds(
        lambda path, outcome, inode: Finding(path, False, outcome, REASONS[outcome], None, None, 5, inode),
        st.sampled_from([b"a", b"a/b", b"b", b"\xff"]),
        st.sampled_from(Outcome),
        st.integers(1, 3),
    )
)


def together(findings: list[Finding]) -> Iterator[Finding | NoMatches]:
    """Put what matches nothing together, as the journal does."""
    for plain, same in groupby(map(encode, findings), is_plain_no_match):
        if plain:
            yield NoMatches(plain_lines(same))
        else:
            yield from map(decode, same)


@given(FINDINGS, st.booleans())
def test_one_finding_of_a_path_stands(findings: list[Finding], gathered: bool) -> None:
    """None is lost, the first of each path stays, and what could not be examined keeps its reason."""
    journal = one_by_one(together(sorted(findings, key=encode)))
    kept = one_by_one(one_entry_a_path(together(journal) if gathered else journal))
    assert [each.path for each in kept] == [each.path for each in journal]
    for _, pairs in groupby(zip(journal, kept, strict=True), key=lambda pair: pair[0].path):
        (first, same), *others = pairs
        assert same == first
        for before, after in others:
            if before.outcome is Outcome.NOT_EXAMINED:
                assert after == before
            else:
                assert (after.outcome, after.reason) == (Outcome.NOT_EXAMINED, FailureReason.DUPLICATE_NAME)
                assert after.agreements == ()
            assert decode(encode(after)) == after
