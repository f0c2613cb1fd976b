"""Sealed digests: what they are computed from, and what never shows."""

from __future__ import annotations

import copy
import hashlib
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hashmatch.digests import ALL_ALGORITHMS, Algorithm
from hashmatch.errors import SealingKeyError
from hashmatch.store.sealing import Sealer
from tests.madeup import digests

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


@hypothesis_settings(deadline=None)
@given(st.sampled_from(ALL_ALGORITHMS), st.binary(min_size=16, max_size=32), st.binary(min_size=32, max_size=32))
def test_sealing_is_keyed_blake2b_of_algorithm_and_digest(algorithm: Algorithm, digest: bytes, key: bytes) -> None:
    """A sealed key can be computed anew from the published definition alone."""
    plain = hashlib.blake2b(bytes([algorithm]) + digest, key=key, digest_size=16).digest()
    sealer = Sealer(key)
    assert sealer.seal(algorithm, digest) == bytes([algorithm]) + plain
    assert sealer.seal_many(algorithm, [digest, None, digest]) == plain + plain


def test_key_and_algorithm_both_decide() -> None:
    """Another key, or the same octets as another algorithm's digest, give other sealed keys."""
    octets = digests(1)[0]
    sealed = {Sealer(key).seal(a, octets)[1:] for key in (KEY, OTHER) for a in ALL_ALGORITHMS}
    assert len(sealed) == 2 * len(ALL_ALGORITHMS)
    assert Sealer(KEY).key_id != Sealer(OTHER).key_id


def test_absent_canaries_are_sealed_keys_of_no_digest() -> None:
    """They look like any key, differ from each other, and what they are made of is longer than a digest."""
    sealer = Sealer(KEY)
    canaries = {sealer.absent_canary(a, n) for a in ALL_ALGORITHMS for n in range(64)}
    assert len(canaries) == 64 * len(ALL_ALGORITHMS)
    assert {len(canary) for canary in canaries} == {17}


def test_a_copied_sealer_seals_the_same() -> None:
    """What a worker process gets through pickle is the same sealer."""
    octets = digests(1)[0]
    for copied in (pickle.loads(pickle.dumps(Sealer(KEY))), copy.copy(Sealer(KEY))):
        assert copied.seal(Algorithm.MD5, octets) == Sealer(KEY).seal(Algorithm.MD5, octets)
        assert copied.key_id == Sealer(KEY).key_id


def test_the_key_never_shows() -> None:
    """Neither a sealer's text forms nor its key id hold any four bytes of the key in a row."""
    shown = [repr(Sealer(KEY)), str(Sealer(KEY)), f"{Sealer(KEY)}", Sealer(KEY).key_id]
    for text in shown:
        for at in range(len(KEY) - 3):
            part = KEY[at : at + 4]
            assert part.hex() not in text
            assert repr(part)[2:-1] not in text


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused_without_showing_it(length: int) -> None:
    """BLAKE2b takes shorter keys, and a cut key would seal everything differently."""
    key = (b"\xa7\x5d" * 32)[:length]
    with pytest.raises(SealingKeyError, match=f"expected 32 bytes, got {length}") as caught:
        Sealer(key)
    assert "a75d" not in "".join(traceback.format_exception(caught.value)).lower()


def test_fingerprints_tell_entries_apart() -> None:
    """Two entries have one fingerprint only if all they say is the same."""

    def marks(key: bytes, entries: list[bytes]) -> list[bytes]:
        joined = Sealer(key).fingerprints(entries)
        return [joined[at : at + 8] for at in range(0, len(joined), 16)]

    found = marks(KEY, [b"%d" % n for n in range(10_000)])
    assert len(set(found)) == 10_000
    assert found[1:2] == marks(KEY, [b"1"]) != marks(OTHER, [b"1"])
