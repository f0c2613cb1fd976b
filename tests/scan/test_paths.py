"""Names that a directory gives twice: one finding of each path stands, the others are not examined."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from hashmatch.outcomes import ExclusionReason, FailureReason, Outcome
from hashmatch.reports.findings import Finding
from hashmatch.scan.paths import one_entry_a_path
from hashmatch.scan.records import decode, encode

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


@given(FINDINGS)
def test_one_finding_of_a_path_stands(findings: list[Finding]) -> None:
    """None is lost, the first of each path stays, and what could not be examined keeps its reason."""
    journal = sorted(findings, key=encode)
    kept = list(one_entry_a_path(journal))
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
