"""Names of the evidence in print: harmless, on one line, and without loss."""

from __future__ import annotations

import base64
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.reports.flags_csv import harmless
from hashmatch.reports.names import exact, original, shown, shown_text

hostile = st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn", "L", "P"])).map(str.encode)
names = st.binary() | hostile | st.lists(st.binary() | hostile, max_size=4).map(b"\\".join)


@given(names)
def test_a_shown_name_leads_back_to_its_bytes(name: bytes) -> None:
    """Escaping loses nothing, whatever the bytes."""
    assert original(shown(name)) == name


@given(names)
def test_a_shown_name_cannot_steer_a_terminal(name: bytes) -> None:
    """No control, format, separator or unassigned character is left, and it is valid UTF-8."""
    text = shown(name)
    text.encode("utf-8")
    assert not {unicodedata.category(c) for c in text} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(names)
def test_base64_is_there_exactly_when_the_text_is_not_the_name(name: bytes) -> None:
    """Who reads `path` alone, where there is no `path_b64`, has the name."""
    text = shown(name)
    encoded = exact(name, text)
    assert (encoded is None) == (text.encode() == name)
    assert encoded is None or base64.b64decode(encoded) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"Users/Anna/photo 1.jpg", "Users/Anna/photo 1.jpg"),
        ("Gr\u00fc\u00dfe/\u65e5\u672c.txt".encode(), "Gr\u00fc\u00dfe/\u65e5\u672c.txt"),
        (b"a\nb\x1b[2J", r"a\x0ab\x1b[2J"),
        (b"caf\xe9", r"caf\xe9"),
        ("caf\u0085".encode(), r"caf\u0085"),
        ("\u202egnp.exe".encode(), r"\u202egnp.exe"),
        ("\U000e0041".encode(), r"\U000e0041"),
        (b"back\\x41slash", r"back\\x41slash"),
    ],
)
def test_examples(name: bytes, text: str) -> None:
    """Printable text stands for itself; the rest is spelt out."""
    assert shown(name) == text


@given(st.text())
def test_text_of_a_list_is_shown_by_the_same_rules(text: str) -> None:
    """A category cannot break a line either."""
    assert shown_text(text).isprintable()


@given(st.text())
def test_no_cell_begins_a_formula_and_none_is_lost(cell: str) -> None:
    """One apostrophe in front, and only where taking it away gives the cell back."""
    safe = harmless(cell)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    assert safe.removeprefix("'") == cell
