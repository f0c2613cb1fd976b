"""Digests that identify nothing, and whether a list may be used."""

from __future__ import annotations

import hashlib

import pytest

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import ListNotAuthorised
from hashmatch.hashlists.authority import SignatureState, admit
from hashmatch.hashlists.junk import junk_digests, junk_reason


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_junk_is_named_by_its_reason(algorithm: Algorithm) -> None:
    """All-zero digests, the empty file's and those of filled blocks are junk, and nothing else."""
    reasons = {
        bytes(algorithm.size): "all_zero",
        hashlib.new(algorithm.label, b"").digest(): "empty_file",
        **{
            hashlib.new(algorithm.label, filler * (1 << power)).digest(): "filler_block"
            for filler in (b"\0", b"\xff")
            for power in range(9, 21)
        },
    }
    assert junk_digests(algorithm) == set(reasons)
    assert {digest: junk_reason(algorithm, digest) for digest in reasons} == reasons
    assert junk_reason(algorithm, hashlib.new(algorithm.label, b"x").digest()) is None


def test_an_unsigned_list_needs_somebody_to_answer_for_it() -> None:
    """Without a signature or --unsigned a list is refused."""
    assert admit(unsigned_accepted=True) is SignatureState.UNSIGNED
    with pytest.raises(ListNotAuthorised, match="--unsigned"):
        admit(unsigned_accepted=False)
