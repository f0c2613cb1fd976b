"""Which form of an answer a client wants."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.api.accept import preferred
from hashmatch.api.problems import RequestRefused

OFFERED = ("application/x-ndjson", "text/csv")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ([], 0),
        ([""], 0),
        (["*/*"], 0),
        (["text/csv"], 1),
        (["TEXT/CSV"], 1),
        (["text/*"], 1),
        (["text/csv;header=present"], 1),
        (["text/csv, application/x-ndjson"], 0),
        (["text/csv, application/x-ndjson;q=0.9"], 1),
        (["text/csv;q=0.1", "application/*;q=0.05"], 1),
        (["*/*;q=0.5, text/csv;q=0"], 0),
        (["application/x-ndjson;q=0, */*"], 1),
        (["no header at all"], 0),
    ],
)
def test_choosing(header: list[str], chosen: int) -> None:
    """The most wanted is chosen, of equally wanted ones the first; the most specific range counts."""
    assert preferred(header, OFFERED) == OFFERED[chosen]


@pytest.mark.parametrize("header", ["image/png", "*/*;q=0", "text/csv;q=0", "image/*, text/csv;q=0.000"])
def test_none_is_wanted(header: str) -> None:
    """A client that wants none of them gets none."""
    with pytest.raises(RequestRefused):
        preferred([header], OFFERED)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_whatever_is_sent(headers: list[str]) -> None:
    """Any header chooses something or is refused."""
    with suppress(RequestRefused):
        assert preferred(headers, OFFERED) in OFFERED
