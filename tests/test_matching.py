"""The match rule, against a model that holds its entries in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS, Algorithm, mask_of
from hashmatch.errors import StoreDamaged
from hashmatch.hashlists.postings import Posting
from hashmatch.matching import Agreement, decide
from hashmatch.outcomes import Strength

MD5, SHA1, SHA256 = Algorithm.MD5, Algorithm.SHA1, Algorithm.SHA256
STRONG, WEAK, CONFLICT = Strength.STRONG, Strength.WEAK_ONLY, Strength.CONFLICT


def octets(algorithm: Algorithm, seed: int) -> bytes:
    return bytes([seed]) * algorithm.size


@dataclass
class Entry:
    """An entry as its list wrote it."""

    digests: Mapping[Algorithm, bytes]
    category: int = 0
    size: int | None = None


@dataclass
class Lists:
    """Known hashes that keep whole entries and answer by looking at every one."""

    lists: list[list[Entry]] = field(default_factory=list)

    def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:
        return [
            (number, Posting(ordinal, mask_of(entry.digests), entry.category, entry.size))
            for number, entries in enumerate(self.lists)
            for ordinal, entry in enumerate(entries)
            if entry.digests.get(algorithm) == digest
        ]


def naive(digests: Mapping[Algorithm, bytes], size: int, lists: Lists) -> set[Agreement]:
    """The rule in the words of the design, entry by entry, with no postings."""
    found: set[Agreement] = set()
    for number, entries in enumerate(lists.lists):
        for entry in entries:
            common = set(entry.digests) & set(digests)
            equal = {a for a in common if entry.digests[a] == digests[a]}
            if not equal:
                continue
            if equal != common or (entry.size is not None and entry.size != size):
                strength = CONFLICT
            elif SHA256 in equal or {MD5, SHA1} <= equal:
                strength = STRONG
            else:
                strength = WEAK
            found.add(Agreement(number, entry.category, strength))
    return {a for a in found if a.strength != WEAK or Agreement(a.list_number, a.category, STRONG) not in found}


def digest_sets(minimum: int) -> st.SearchStrategy[dict[Algorithm, bytes]]:
    seeds = st.dictionaries(st.sampled_from(ALL_ALGORITHMS), st.integers(1, 3), min_size=minimum)
    return seeds.map(lambda chosen: {a: octets(a, seed) for a, seed in chosen.items()})


entries = st.builds(Entry, digest_sets(1), st.integers(0, 2), st.none() | st.integers(1, 2))
known = st.builds(Lists, st.lists(st.lists(entries, max_size=6), max_size=3))


@given(digest_sets(0), st.integers(1, 2), known)
def test_agrees_with_the_rule_read_entry_by_entry(digests: dict[Algorithm, bytes], size: int, lists: Lists) -> None:
    """Postings joined by ordinal say the same as whole entries would."""
    decided = decide(digests, size, lists)
    assert set(decided) == naive(digests, size, lists)
    assert len(set(decided)) == len(decided)


@given(digest_sets(1), st.integers(1, 2), known)
def test_the_order_of_algorithms_and_entries_is_of_no_consequence(
    digests: dict[Algorithm, bytes], size: int, lists: Lists
) -> None:
    """The same evidence and lists give the same flags in the same order."""
    turned = Lists([list(reversed(each)) for each in lists.lists])
    assert decide(digests, size, lists) == decide(dict(reversed(digests.items())), size, turned)


FILE = {a: octets(a, 1) for a in ALL_ALGORITHMS}


@pytest.mark.parametrize(
    ("listed", "size", "expected"),
    [
        pytest.param({MD5: 1, SHA256: 2}, None, CONFLICT, id="md5-collision-unmasked-by-sha256"),
        pytest.param({MD5: 1, SHA1: 2}, None, CONFLICT, id="md5-collision-unmasked-by-sha1"),
        pytest.param({MD5: 1, SHA1: 1, SHA256: 2}, None, CONFLICT, id="both-weak-collide"),
        pytest.param({MD5: 2, SHA1: 2, SHA256: 1}, None, CONFLICT, id="damaged-record"),
        pytest.param({MD5: 1}, None, WEAK, id="md5-only-list"),
        pytest.param({SHA1: 1}, None, WEAK, id="sha1-only-list"),
        pytest.param({MD5: 1, SHA1: 1}, None, STRONG, id="md5-and-sha1"),
        pytest.param({SHA256: 1}, None, STRONG, id="sha256-only-list"),
        pytest.param({MD5: 1}, 7, WEAK, id="size-agrees"),
        pytest.param({MD5: 1}, 8, CONFLICT, id="md5-with-another-size"),
        pytest.param({SHA256: 1}, 8, CONFLICT, id="sha256-with-another-size"),
    ],
)
def test_strength_of_one_entry(listed: dict[Algorithm, int], size: int | None, expected: Strength) -> None:
    """Each entry is judged by everything it says of the file."""
    entry = Entry({a: octets(a, seed) for a, seed in listed.items()}, category=2, size=size)
    assert decide(FILE, 7, Lists([[entry]])) == (Agreement(0, 2, expected),)


def test_a_digest_that_was_not_computed_is_no_disagreement() -> None:
    """With MD5 alone computed, an entry's SHA-256 neither confirms nor contradicts."""
    entry = Entry({MD5: octets(MD5, 1), SHA256: octets(SHA256, 9)})
    assert decide({MD5: octets(MD5, 1)}, 7, Lists([[entry]])) == (Agreement(0, 0, WEAK),)


def test_two_entries_that_agree_by_one_digest_each_do_not_add_up() -> None:
    """MD5 of one record and SHA-1 of another are no strong match: digests are tied within a record only."""
    lists = Lists([[Entry({MD5: octets(MD5, 1)}), Entry({SHA1: octets(SHA1, 1)})]])
    assert decide(FILE, 7, lists) == (Agreement(0, 0, WEAK),)


def test_a_conflict_is_never_folded_away() -> None:
    """A strong match under the same category leaves the conflict standing."""
    lists = Lists([[Entry({SHA256: octets(SHA256, 1)}), Entry({MD5: octets(MD5, 1), SHA1: octets(SHA1, 5)})]])
    assert decide(FILE, 7, lists) == (Agreement(0, 0, STRONG), Agreement(0, 0, CONFLICT))


def test_no_error_of_the_store_becomes_no_match() -> None:
    """What the known hashes raise reaches the caller."""

    class Damaged:
        def find(self, algorithm: Algorithm, digest: bytes) -> Sequence[tuple[int, Posting]]:  # noqa: ARG002
            raise StoreDamaged("a block fails its checksum")

    with pytest.raises(StoreDamaged):
        decide(FILE, 7, Damaged())
