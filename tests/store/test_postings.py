"""The bytes of a value: what is written is read back, and nothing else is read at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.hashlists.postings import Posting
from hashmatch.store.postings import LAST, MAX_CATEGORY, MAX_FILE_SIZE, MAX_ORDINAL, SIZED, decode, encode

posting = st.builds(
    Posting,
    ordinal=st.integers(0, MAX_ORDINAL),
    algorithms=st.integers(1, 7),
    category=st.integers(0, MAX_CATEGORY),
    size=st.none() | st.integers(0, MAX_FILE_SIZE),
)
ascending = st.lists(posting, min_size=1, max_size=6, unique_by=lambda p: p.ordinal).map(
    lambda postings: sorted(postings, key=lambda p: p.ordinal)
)


@given(ascending)
def test_what_is_encoded_is_decoded(postings: list[Posting]) -> None:
    """Every value comes back as it was."""
    assert decode(encode(postings)) == tuple(postings)


@given(st.binary(max_size=40) | st.binary(min_size=7, max_size=7) | st.binary(min_size=15, max_size=15))
def test_only_what_encode_writes_is_decoded(value: bytes) -> None:
    """Random bytes are refused, or are exactly what their postings are written as."""
    try:
        postings = decode(value)
    except ValueError:
        return
    assert encode(postings) == value


@given(ascending, st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_never_gives_the_same_postings(postings: list[Posting], at: int, change: int) -> None:
    """No two values mean the same, so a damaged one is refused or differs."""
    value = bytearray(encode(postings))
    value[at % len(value)] ^= change
    try:
        found = decode(bytes(value))
    except ValueError:
        return
    assert found != tuple(postings)


@given(ascending, st.integers(1, 200))
def test_a_cut_value_is_refused(postings: list[Posting], cut: int) -> None:
    """Bytes missing at the end are noticed wherever the cut is."""
    value = encode(postings)
    with pytest.raises(ValueError, match=r"cut at byte|behind the last"):
        decode(value[: -min(cut, len(value))])


@given(ascending, ascending)
def test_values_run_together_are_refused(first: list[Posting], second: list[Posting]) -> None:
    """The last posting is marked, so a second value behind it is noticed."""
    with pytest.raises(ValueError, match="behind the last posting"):
        decode(encode(first) + encode(second))


@pytest.mark.parametrize("flags", [0, LAST, 0x01, LAST | SIZED | 0x01, LAST | 0x01 | 0x08, LAST | 0x01 | 0x20, 0xFF])
def test_impossible_flags_are_refused(flags: int) -> None:
    """Of the flags of a lone short posting, only algorithms and the last-mark may be set."""
    with pytest.raises(ValueError, match=r"at byte 0|cut at byte 7"):
        decode(bytes([0, 0, 0, 9, flags, 0, 0]))


def test_postings_out_of_order_are_neither_written_nor_read() -> None:
    """Ordinals ascend, and none stands twice."""
    low, high = Posting(1, 1, 0, None), Posting(2, 1, 0, None)
    with pytest.raises(ValueError, match="ascend"):
        encode([high, low])
    with pytest.raises(ValueError, match="ascend"):
        encode([low, low])
    value = encode([low, high])
    first, second = bytearray(value[7:]), bytearray(value[:7])
    first[4] ^= LAST
    second[4] ^= LAST
    with pytest.raises(ValueError, match="out of order"):
        decode(bytes(first + second))


@pytest.mark.parametrize("algorithms", [0, 8, LAST, SIZED])
def test_a_posting_of_no_known_algorithm_is_not_written(algorithms: int) -> None:
    """A mask that would be read as something else is refused."""
    with pytest.raises(ValueError, match="algorithm"):
        encode([Posting(1, algorithms, 0, None)])
    with pytest.raises(ValueError, match="at least one"):
        encode([])
