"""Signed documents have one form; whatever else a lenient reader would take is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.authority.canonical import LIMIT, decode, encode, from_base64, to_base64

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | SAFE | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


class Small(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document to read."""

    count: int
    name: str = ""


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """Every value of the permitted kinds survives, and is written the same again."""
    written = encode(value)
    assert decode(written, object) == value
    assert encode(decode(written, object)) == written
    assert json.loads(written) == value


@given(VALUES, st.data())
def test_no_other_bytes_are_read(value: Any, data: st.DataObject) -> None:
    """A changed byte makes another value or an error, never the same value in another form."""
    written = bytearray(encode(value))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(written), object)
    except ValueError:
        return
    assert encode(found) == written


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_error(content: bytes) -> None:
    """Nothing but ValueError comes out of bytes that nobody wrote."""
    try:
        found = decode(content, object)
    except ValueError:
        return
    assert encode(found) == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"count":1,"count":1}', "stands twice"),
        (b'{"count":1,"c\\u006funt":2}', "stands twice"),
        (b'{"count":1.0}', "not an integer"),
        (b'{"count":1e2}', "not an integer"),
        (b'{"count":NaN}', "not an integer"),
        (b'{"count":-Infinity}', "not an integer"),
        (b'\xef\xbb\xbf{"count":1}', "byte order mark"),
        (b'{"count": 1}', "canonical"),
        (b' {"count":1}', "canonical"),
        (b'{"count":1}\n', "canonical"),
        (b'{"count":-0}', "canonical"),
        (b'{"count":01}', "Expecting"),
        (b'{"name":"a","count":1}', "canonical"),
        (b'{"count":1,"name":"\\u0061"}', "canonical"),
        (b'{"count":1,"name":"\\/"}', "canonical"),
        (b'{"count":1,"name":"\\ud800"}', "canonical"),
        (b'{"count":9007199254740993}', "canonical"),
        (b'{"count":' + b"9" * 5000 + b"}", "53 bits"),
        (b'{"count":1,"name":"\xff"}', "utf-8"),
        (b'{"count":1}{"count":1}', "Extra data"),
        (b'{"count":1,"other":1}', "unknown field"),
        (b'{"count":"1"}', "Expected"),
        (b'{"count":true}', "Expected"),
        (b'{"count":null}', "Expected"),
        (b"{}", "missing"),
        (b"[1]", "Expected"),
        (b"", "Expecting"),
        (b"[" * 100_000, "deeply"),
        (b'{"count":1,"name":"' + b"a" * LIMIT + b'"}', "at most"),
    ],
)
def test_other_forms_are_refused(content: bytes, said: str) -> None:
    """Two readers could differ about each of these, or it is no document of its kind; the error says why."""
    with pytest.raises(ValueError, match=said):
        decode(content, Small)


@given(st.binary(max_size=100))
def test_base64_is_read_back(octets: bytes) -> None:
    """Octets have one base64 text."""
    assert from_base64(to_base64(octets)) == octets


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q==", "QQ=", "Q-==", "QQ===", "é", "=QQ="])
def test_base64_that_could_be_written_differently_is_refused(text: str) -> None:
    """Blanks, other alphabets, wrong padding and bits that say nothing."""
    with pytest.raises(ValueError, match="base64"):
        from_base64(text)
