"""Digests that identify nothing."""

from __future__ import annotations

import hashlib

import pytest

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
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
