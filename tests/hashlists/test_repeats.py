"""Numbers that come again, counted exactly as long as memory lasts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashmatch.hashlists.repeats import MOST_CHUNKS, Repeats

NUMBERS = st.integers(-(2**70), 2**70) | st.integers(65_530, 65_545) | st.integers(-20, 20)


@given(st.lists(NUMBERS))
def test_a_number_is_known_again(numbers: list[int]) -> None:
    """The answers are those of a set, for numbers of either sign and any size."""
    repeats, seen = Repeats(), set[int]()
    for number in numbers:
        assert repeats.again(number) is (number in seen)
        seen.add(number)


def test_numbers_far_apart_do_not_fill_the_memory() -> None:
    """Where there is no room to tell, the answer is neither yes nor no, and earlier numbers are still known."""
    repeats = Repeats()
    apart = [number << 16 for number in range(MOST_CHUNKS + 1)]
    assert [repeats.again(number) for number in apart] == [False] * MOST_CHUNKS + [None]
    assert [repeats.again(number) for number in (apart[0], apart[0] + 1, apart[-1])] == [True, False, None]
