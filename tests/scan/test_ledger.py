"""The ledger: what is entered batch by batch is what would be said of each file by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.digests import Algorithm
from hashmatch.errors import StoreDamaged
from hashmatch.hashing.engine import FileResult
from hashmatch.outcomes import FailureReason
from hashmatch.reports.findings import Finding
from hashmatch.scan.journal import Journal
from hashmatch.scan.ledger import Ledger
from hashmatch.scan.reading import reading_of
from tests.scan.dict_snapshot import DictList, DictSnapshot
from tests.scan.test_records import one_by_one

MD5, SHA1 = Algorithm.MD5, Algorithm.SHA1
ASKED = (MD5, SHA1)
OCTETS = [bytes([n]) for n in range(6)]  # few, so that files meet the entries in every combination


def row(md5: int, sha1: int) -> tuple[bytes, bytes]:
    return OCTETS[md5] * MD5.size, OCTETS[sha1] * SHA1.size


SOME_DIGESTS = [digest for n in range(6) for digest in row(n, n)]


@dataclass
class Choosy(DictSnapshot):
    """Answers the first question narrowly, as a store may; digests in `unsure` make even that fail."""

    unsure: frozenset[bytes] = frozenset()

    def candidates(self, algorithms: Sequence[Algorithm], digests: Sequence[tuple[bytes, ...]], /) -> Sequence[int]:
        if self.unsure.intersection(chain.from_iterable(digests)):
            raise StoreDamaged("a filter fails its checksum")
        return [
            n for n, each in enumerate(digests)
            if any(d in self.broken or self.find(a, d) for a, d in zip(algorithms, each, strict=True))
        ]  # fmt: skip


def result(name: bytes, digests: tuple[bytes, ...], size: int = 9) -> FileResult:
    return FileResult(
        name, None, digests, size, 7, 1, size, None, None, deferred=False, atime_risked=False, allocated=512
    )


octets = st.integers(0, 5)


@st.composite
def some_result(draw: st.DrawFn, number: int) -> FileResult:
    """Of any kind, files that were read most often."""
    name = b"%d" % number
    match draw(st.sampled_from(["read", "read", "empty", "unlisted", "failed"])):
        case "read":
            read = result(name, row(draw(octets), draw(octets)), draw(st.integers(1, 9)))
            return read._replace(atime_risked=draw(st.booleans()), allocated=8)
        case "empty":
            return result(name, (), 0)
        case "unlisted":
            return result(name, (), 3)._replace(unlisted_size=True, bytes_read=0)
    return result(name, (), 4)._replace(failure=draw(st.sampled_from(FailureReason)), errno=draw(st.none() | octets))


results = st.integers(0, 20).flatmap(lambda count: st.tuples(*map(some_result, range(count))))
entries = st.lists(st.tuples(octets, octets, st.none() | st.integers(1, 9)), max_size=4)


def snapshot_of(listed: list[tuple[int, int, int | None]], broken: frozenset[bytes]) -> Choosy:
    rows = [(dict(zip(ASKED, row(md5, sha1), strict=True)), 0, size) for md5, sha1, size in listed]
    return Choosy([DictList(rows=list(rows))], broken)


@contextmanager
def ledger(known: DictSnapshot) -> Iterator[tuple[Ledger, Journal]]:
    with tempfile.TemporaryDirectory() as directory, Journal.begin(Path(directory), {}) as journal:
        yield Ledger(journal, known, ASKED), journal


@settings(deadline=None)
@given(
    results,
    entries,
    st.frozensets(st.sampled_from([d for n in range(6) for d in row(n, n)]), max_size=2),
    st.booleans(),
)
def test_a_batch_is_its_files_one_by_one(
    given_results: tuple[FileResult, ...],
    listed: list[tuple[int, int, int | None]],
    broken: frozenset[bytes],
    is_stream: bool,
) -> None:
    """Every finding and every count is the same, whatever is listed and whichever look-ups fail."""
    known = snapshot_of(listed, broken)
    with ledger(known) as (batch, of_batch), ledger(known) as (single, of_single):
        batch.enter_batch(b"a/", given_results, is_stream=is_stream)
        for each in given_results:
            single.enter(single.judge(b"a/" + each.name, each, is_stream=is_stream), reading_of(each))
        assert one_by_one(of_batch.findings()) == one_by_one(of_single.findings())
        assert len(of_batch) == len(given_results)
        assert batch.reading() == single.reading()
        assert (batch.files, batch.matches) == (single.files, single.matches)


def findings(known: DictSnapshot, *given_results: FileResult) -> dict[bytes, Finding]:
    with ledger(known) as (entered, journal):
        entered.enter_batch(b"", given_results, is_stream=False)
        return {finding.path: finding for finding in one_by_one(journal.findings())}


def test_lists_that_cannot_be_asked_make_no_no_match() -> None:
    """Files that were asked about in vain are not examined; those nobody had to ask about are as they are."""
    known = snapshot_of([], frozenset())
    known.unsure = frozenset(row(1, 1))
    found = findings(
        known,
        result(b"one", row(1, 2)),
        result(b"two", row(2, 2)),
        result(b"empty", (), 0),
        result(b"other", ())._replace(unlisted_size=True),
    )
    assert {path: (f.outcome, f.reason) for path, f in found.items()} == {
        b"one": ("not_examined", "lookup_failed"),
        b"two": ("not_examined", "lookup_failed"),
        b"empty": ("excluded", "empty"),
        b"other": ("no_match", None),
    }


@pytest.mark.parametrize("digests", [(), row(1, 1)[:1], (*row(1, 1), b"?" * 32)])
def test_an_engine_that_gives_other_digests_is_an_error(digests: tuple[bytes, ...]) -> None:
    """Digests that are missing must not become a `no_match`, nor may any be left over."""
    with pytest.raises(AssertionError, match="expected 2 digests"):
        findings(snapshot_of([], frozenset()), result(b"good", row(1, 2)), result(b"bad", digests))
